"""Ways to make one output of several branches.

    fusion         out                                       at the start
    "sum"          Σ b_i                                     sum
    "gate"         b_1 + Σ g_i b_i, g_i learned              b_1, exactly
    "token_gate"   b_1 + Σ tanh(w_i · x) b_i, per token      b_1, exactly
    "concat"       W [b_1; …; b_n]                           b_1, exactly: W = [I, 0, …]

Sources: sum: Fu et al. 2019, arXiv:1809.02983, section 3.4; a factor from zero: the same, equation 2;
tanh from zero: Alayrac et al. 2022, arXiv:2204.14198, section 2.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from attnprobe.attention.composing.residuals import check_choice
from attnprobe.errors import ShapeError, UsageError

FusionKind = Literal["sum", "gate", "token_gate", "concat"]


class Fusion(nn.Module):
    """Fuses `count` branches of one shape.

    Args:
        kind: One of the table above.
        count: Branches n.
        width: Features of a token, the last axis; needed by "token_gate" and "concat".
    """

    def __init__(self, kind: FusionKind, count: int, width: int | None = None) -> None:
        super().__init__()
        check_choice("fusion", kind, get_args(FusionKind))
        self.kind = kind
        self.gains = nn.Parameter(torch.zeros(count - 1)) if kind == "gate" else None
        self.gate = self.project = None
        if kind in ("token_gate", "concat") and width is None:
            raise UsageError(f"fusion '{kind}' needs the width of the branches' outputs")
        if kind == "token_gate":
            self.gate = nn.Linear(width or 0, count - 1)
            nn.init.zeros_(self.gate.weight)
            nn.init.zeros_(self.gate.bias)
        if kind == "concat":
            self.project = nn.Linear(count * (width or 0), width or 0)
            with torch.no_grad():
                self.project.weight.copy_(torch.eye(width or 0, count * (width or 0)))
                self.project.bias.zero_()

    def forward(self, x: Tensor, branches: Sequence[Tensor]) -> Tensor:
        """The output of all branches; x, [..., width], is what "token_gate" reads."""
        first, *others = branches
        if self.project is not None:
            check_width("concat", self.project.out_features, first)
            out: Tensor = self.project(torch.cat(tuple(branches), dim=-1))
            return out
        factors = self._factors(x, len(others))
        for factor, branch in zip(factors, others, strict=True):
            first = first + (branch if factor is None else factor * branch)
        return first

    def _factors(self, x: Tensor, count: int) -> Sequence[Tensor | None]:
        if self.gains is not None:
            return self.gains.unbind()
        if self.gate is not None:
            check_width("token_gate", self.gate.in_features, x)
            gates: Tensor = self.gate(x).tanh()
            return [gates[..., number, None] for number in range(count)]
        return [None] * count


def check_width(name: str, width: int, tensor: Tensor) -> None:
    """Raise ShapeError where the last axis is not as wide as the weights of a fusion."""
    if tensor.shape[-1] != width:
        raise ShapeError(f"{name} was made for width {width}, but the outputs are {tensor.shape[-1]} wide")
