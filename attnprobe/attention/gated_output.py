"""Gated attention: the output of every head is multiplied by a gate that the token computes.

    out = (2 σ(x W_g) ⊙ attention(x)) W_o              x [B, S, E], W_g [E, H D], started at zero

Cost: that of the attention inside and 2 B S E H D FLOPs. Keeps all of it and loses nothing but time; adds a
non-linearity between W_v and W_o and lets a head say nothing without a sink. Exactly the attention inside
until W_g is trained, since 2 σ(0) = 1.
Source: Qiu et al. 2025, arXiv:2505.06708, position G1, elementwise. Departure: the factor 2, for that
start.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.modules import Attention, split


class GatedOutput(Attention):
    """`Attention` with a gate before the last projection.

    Args:
        embed_dim: Width E of the model.
        num_heads: Query heads H.
        core: What happens between the projections; None: scaled dot-product attention.
        is_headwise: One gate per head instead of one per feature.
        options: Further ones of `Attention`.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        core: Core | None = None,
        *,
        is_headwise: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(embed_dim, num_heads, core, **options)
        self.gate_proj = nn.Linear(embed_dim, num_heads * (1 if is_headwise else self.head_dim), bias=False)
        nn.init.zeros_(self.gate_proj.weight)

    def merged(self, heads: Tensor, x: Tensor) -> Tensor:
        """The gate, then o_proj. [B, H, L, D], x [B, L, E] -> [B, L, E]."""
        gate = 2 * torch.sigmoid(split(self.gate_proj(x), self.num_heads))  # [B, H, L, D or 1]
        return super().merged(heads * gate, x)


attention = GatedOutput
