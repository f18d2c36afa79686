"""Hedgehog: a learned feature map that imitates the softmax's peaks.

    out_i = φ(q_i)ᵀ (Σ_j ψ(k_j) v_jᵀ) / (φ(q_i) · Σ_j ψ(k_j)),   φ(x) = softmax([x W, -x W])   [B, H, L, Dv]

with its own W [D, D] for the queries and for the keys of every query head, at first the identity.

Cost per head: 2 (L + S) (D² + 2D Dv) FLOPs, causal 2 S C (2D + Dv) more for chunks of C; memory linear in
length; decoding keeps 2D Dv + 2D numbers. Keeps weights that are spiky and grow with q · k, once W has been
taught by distilling the softmax's weights or outputs; untaught it is no better than elu + 1.

Exactness: retrain. Source: Zhang et al. 2024, arXiv:2402.04347, section 4. Departures: no bias in the map;
the softmax over all 2D features stands for their exponentials (for queries the same, it cancels). The paper
does not scale; a scale other than 1/√D multiplies queries and keys by √(scale √D).
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from attnprobe.attention.foundation.plain import repeated
from attnprobe.attention.kernelised.core import FeatureCore
from attnprobe.attention.kernelised.scaling import scaled
from attnprobe.errors import ShapeError


class Hedgehog(FeatureCore):
    """Attention by a learned feature map, bidirectional, causal or token by token.

    Args:
        num_heads: Query heads H.
        head_dim: Width D of queries and keys.
    """

    has_linear_memory: ClassVar[bool] = True

    def __init__(self, num_heads: int = 8, head_dim: int = 64) -> None:
        super().__init__()
        self.query_map = nn.Parameter(torch.eye(head_dim).repeat(num_heads, 1, 1))  # [H, D, D]
        self.key_map = nn.Parameter(torch.eye(head_dim).repeat(num_heads, 1, 1))  # [H, D, D]

    def shared(self, key: Tensor, value: Tensor, num_heads: int) -> tuple[Tensor, Tensor]:
        """Every query head maps the keys in its own way."""
        if key.shape[1] == num_heads:
            return key, value
        return repeated(key, num_heads), repeated(value, num_heads)

    def query_features(self, query: Tensor, scale: float, start: int) -> Tensor:
        """softmax([q W, -q W]), [B, H, C, 2D]."""
        return _mapped(scaled(query, scale), self.query_map)

    def key_features(self, key: Tensor, scale: float, start: int) -> Tensor:
        """softmax([k W, -k W]), [B, H, C, 2D]."""
        return _mapped(scaled(key, scale), self.key_map)


def _mapped(x: Tensor, weight: Tensor) -> Tensor:
    if (x.shape[1], x.shape[3]) != weight.shape[:2]:
        raise ShapeError(
            f"Hedgehog was made for {weight.shape[0]} heads of width {weight.shape[1]}; "
            f"got {x.shape[1]} of width {x.shape[3]}"
        )
    logits = x @ weight.to(x.dtype)
    return torch.softmax(torch.cat((logits, -logits), dim=-1), dim=-1)


attention = Hedgehog
