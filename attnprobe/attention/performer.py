"""Performer: positive random features that stand for the softmax (FAVOR+).

    out_i = φ(q_i)ᵀ (Σ_j ψ(k_j) v_jᵀ) / (φ(q_i) · Σ_j ψ(k_j))                           [B, H, L, Dv]
    ψ(k)  = exp(W k̂ - |k̂|²/2),   k̂ = k √scale,   W [F, D] random, with orthogonal rows

E[φ(q) · ψ(k)] = exp(scale q · k): unbiased weights, with a variance that grows with |q| |k| and falls with F.

Cost per head: 2 (L + S) F (D + Dv) FLOPs, causal 2 S C (F + Dv) more for chunks of C; memory linear in
length; decoding keeps F Dv + F numbers. Keeps the softmax on average; loses it where scores are large.

Exactness: approximate in the mean, but retrain in practice. Source: Choromanski et al. 2020,
arXiv:2009.14794, section 2.3-2.4. Departures: φ(q) is divided by its own largest value and |q̂|² left out,
both cancel in the quotient. Keys are not divided by a maximum over time, which would leak the future:
W k̂ - |k̂|²/2 = |W|²/2 - |W - k̂|²/2 is bounded by half the squared norm of a row, so nothing overflows; keys
far longer than the rows have weights of zero. `redraw` is left to the caller.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from attnprobe.attention.kernelised.core import FeatureCore
from attnprobe.errors import ShapeError

_LOG2_E = math.log2(math.e)  # torch.exp2 takes a third of the time of torch.exp


class Performer(FeatureCore):
    """FAVOR+ attention, bidirectional, causal or token by token.

    Args:
        features: Random features F.
        head_dim: Width D of queries and keys.
        seed: Of the features; the same seed gives the same ones on every machine.
    """

    has_linear_memory: ClassVar[bool] = True

    block_size: ClassVar[int] = 128
    projection: Tensor

    def __init__(self, features: int = 256, head_dim: int = 64, seed: int = 0) -> None:
        super().__init__()
        self.features, self.head_dim = features, head_dim
        self.register_buffer("projection", orthogonal_features(features, head_dim, seed))  # W, [F, D]

    def redraw(self, seed: int) -> None:
        """Other features, in place (section 2.4 redraws them during training)."""
        drawn = orthogonal_features(self.features, self.head_dim, seed)
        self.projection.copy_(drawn.to(self.projection))

    def query_features(self, query: Tensor, scale: float, start: int) -> Tensor:
        """exp(W q̂) over its largest, [B, H, C, F]."""
        logits = self._logits(query * (math.sqrt(scale) * _LOG2_E))
        return (logits - logits.detach().amax(-1, keepdim=True)).exp2_()

    def key_features(self, key: Tensor, scale: float, start: int) -> Tensor:
        """exp(W k̂ - |k̂|²/2), [B, G, C, F]."""
        half_squares = key.square().sum(-1, keepdim=True) * (scale * _LOG2_E / 2)
        return (self._logits(key * (math.sqrt(scale) * _LOG2_E)) - half_squares).exp2_()

    def _logits(self, x: Tensor) -> Tensor:
        if x.shape[-1] != self.head_dim:
            raise ShapeError(
                f"Performer was made for heads of width {self.head_dim}; got {x.shape[-1]}",
                hint=f"Performer({self.features}, head_dim={x.shape[-1]})",
            )
        logits: Tensor = x @ self.projection.to(x.dtype).mT
        return logits


def orthogonal_features(features: int, head_dim: int, seed: int) -> Tensor:
    """W [F, D]: blocks of orthogonal rows, each of the norm that a row of D normal numbers has."""
    generator = torch.Generator().manual_seed(seed)
    blocks = -(-features // head_dim)
    normal = torch.randn(blocks, head_dim, head_dim, generator=generator, dtype=torch.float64)
    orthogonal, triangular = torch.linalg.qr(normal)
    # QR prefers some signs; without its choice every rotation is as likely, and the weights are unbiased.
    rows = (orthogonal * triangular.diagonal(dim1=-2, dim2=-1).sign()[:, None]).mT.flatten(0, 1)[:features]
    norms = torch.randn(features, head_dim, generator=generator, dtype=torch.float64).norm(dim=1)
    projection: Tensor = (rows * norms[:, None]).float()
    return projection


attention = Performer
