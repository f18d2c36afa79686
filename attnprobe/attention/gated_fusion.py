"""Branches are weighed against each other, per token and feature.

    weights = softmax over the branches of W [b_1; …; b_n] + c     per token (and feature)
    out = Σ weights_i · b_i

W starts at zero, so the branches start with equal weights, or the first one with a `lead` in the scores (10:
all but e^-10 of the weight).

Branches are cores, which share query, key and value (the whole is a core), or layers. Cost: that of the
branches and 2 n² E² FLOPs per token for the gate (2 n² E without features). Keeps what any branch sees, in
proportions that it learns; loses the size of a plain sum, since weights add up to one. Exactness: retrain.
Source: Shen et al. 2018, arXiv:1709.04696, section 4.2 (fusion gate: there for two inputs, with a sigmoid,
which is the softmax over two).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from attnprobe.attention.composing.branches import Branches
from attnprobe.attention.composing.fusions import check_width


class GatedFusion(Branches):
    """A convex combination of branches by learned gates.

    Args:
        branches: Cores, or layers.
        width: Last axis of their outputs (D of cores, E of layers).
        is_per_feature: A weight for every feature, not only for every token.
        lead: Score by which the first branch is ahead at first.

    Raises:
        UsageError: Branches of both kinds, or none.
    """

    def __init__(
        self, branches: Sequence[nn.Module], width: int, *, is_per_feature: bool = True, lead: float = 0.0
    ) -> None:
        super().__init__(branches)
        count = len(branches)
        features = width if is_per_feature else 1
        self.gate = nn.Linear(count * width, count * features)
        nn.init.zeros_(self.gate.weight)
        with torch.no_grad():
            self.gate.bias.zero_()[:features] = lead

    def fuse(self, x: Tensor, outputs: Sequence[Tensor]) -> Tensor:
        """Weights from all outputs together."""
        count = len(outputs)
        check_width("GatedFusion", self.gate.in_features // count, outputs[0])
        scores: Tensor = self.gate(torch.cat(tuple(outputs), dim=-1))
        scores = scores.reshape(*scores.shape[:-1], count, -1)
        weights = scores.softmax(-2)  # [..., branches, features or 1]
        return (weights * torch.stack(tuple(outputs), dim=-2)).sum(-2)


attention = GatedFusion
