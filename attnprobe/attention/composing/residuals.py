"""A layer inside of a residual connection, with its normalisation.

residual        out                             source
"none"          f(x)
"plain"         x + f(x)                        He et al. 2016, arXiv:1512.03385, section 3.1
"scaled"        x + gain · f(x), gain learned   one gain per feature: Touvron et al. 2021, arXiv:2103.17239,
                                                section 2.1; from zero: Bachlechner et al. 2020,
                                                arXiv:2003.04887, section 3
"deepnorm"      LN(α x + f(x))                  Wang et al. 2022, arXiv:2203.00555, section 4.1

norm            place                           source
"none"
"pre"           x + f(LN(x))                    Xiong et al. 2020, arXiv:2002.04745, table 1
"post"          LN(x + f(x))                    Vaswani et al. 2017, arXiv:1706.03762, section 3.1
"sandwich"      x + LN(f(LN(x)))                Ding et al. 2021, arXiv:2105.13290, section 2.4
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from attnprobe.errors import UsageError

ResidualKind = Literal["none", "plain", "scaled", "deepnorm"]
Norm = Literal["none", "pre", "post", "sandwich"]


class Residual(nn.Module):
    """A layer with residual and normalisation; takes what the layer takes.

    Args:
        layer: f: forward(x, ...) of the shape of x.
        embed_dim: Width E of x; 0 where neither norm nor gain needs it.
        residual: What is added to the layer's output.
        norm: Where it is normalised; "deepnorm" is always "post".
        depth: Layers N of the whole stack; sets α = (2N)^(1/4) of "deepnorm".
        gain: Where the gains of "scaled" start; at 0 the layer changes nothing at first.
        norm_layer: Builds a normalisation from a width.

    Raises:
        UsageError: A choice is unknown, or the two do not go together.
    """

    def __init__(
        self,
        layer: nn.Module,
        embed_dim: int,
        *,
        residual: ResidualKind = "plain",
        norm: Norm = "pre",
        depth: int = 1,
        gain: float = 0.0,
        norm_layer: Callable[[int], nn.Module] = nn.LayerNorm,
    ) -> None:
        super().__init__()
        check_choice("residual", residual, get_args(ResidualKind))
        check_choice("norm", norm, get_args(Norm))
        if residual == "deepnorm" and norm != "post":
            raise UsageError(f"residual 'deepnorm' goes with norm 'post'; got '{norm}'")
        self.layer, self.residual, self.norm = layer, residual, norm
        self.before = norm_layer(embed_dim) if norm in ("pre", "sandwich") else nn.Identity()
        self.inside = norm_layer(embed_dim) if norm == "sandwich" else nn.Identity()
        self.after = norm_layer(embed_dim) if norm == "post" else nn.Identity()
        self.gain = nn.Parameter(torch.full((embed_dim,), gain)) if residual == "scaled" else None
        self.alpha = deepnorm_alpha(depth) if residual == "deepnorm" else 1.0

    def forward(self, x: Tensor, *inputs: Any, **options: Any) -> Tensor:
        """[B, S, E] -> [B, S, E]; what comes after x goes to the layer."""
        return self._around(x, self.layer(self.before(x), *inputs, **options))

    def reference(self, x: Tensor, *inputs: Any, **options: Any) -> Tensor:
        """The same with the layer's reference."""
        reference: Callable[..., Tensor] = self.layer.reference  # type: ignore[assignment]
        return self._around(x, reference(self.before(x), *inputs, **options))

    def _around(self, x: Tensor, out: Tensor) -> Tensor:
        out = self.inside(out)
        if self.gain is not None:
            out = out * self.gain
        if self.residual != "none":
            out = self.alpha * x + out
        found: Tensor = self.after(out)
        return found


def deepnorm_alpha(depth: int) -> float:
    """α = (2N)^(1/4) of a stack of N layers: arXiv:2203.00555, figure 2, encoder or decoder alone."""
    return float((2 * depth) ** 0.25)


def check_choice(option: str, chosen: str, known: tuple[str, ...]) -> None:
    """Raise UsageError for a word that is not known."""
    if chosen not in known:
        raise UsageError(f"{option} is '{chosen}'; expected one of {', '.join(known)}")
