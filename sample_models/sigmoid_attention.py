"""Attention whose weights come from a sigmoid: every key is weighed on its own, nothing sums to one.

Source: Ramapuram et al. 2024, arXiv:2409.04431, with the bias -log(S) that it proposes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

BATCH_SIZE, SEQ_LEN, EMBED_DIM, NUM_HEADS = 2, 16, 32, 4
HEAD_DIM = EMBED_DIM // NUM_HEADS


class SigmoidAttention(nn.Module):
    """sigmoid(query · key / √D - log S) @ value."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj = nn.Linear(EMBED_DIM, EMBED_DIM)
        self.k_proj = nn.Linear(EMBED_DIM, EMBED_DIM)
        self.v_proj = nn.Linear(EMBED_DIM, EMBED_DIM)
        self.o_proj = nn.Linear(EMBED_DIM, EMBED_DIM)

    def forward(self, x: Tensor) -> Tensor:  # [B, S, E] -> [B, S, E]
        query, key, value = (
            proj(x).unflatten(-1, (NUM_HEADS, HEAD_DIM))  # [B, S, H, D]
            for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        scores = torch.einsum("blhd,bshd->bhls", query, key) / math.sqrt(HEAD_DIM)
        weights = torch.sigmoid(scores - math.log(x.shape[1]))
        output = torch.einsum("bhls,bshd->blhd", weights, value)
        return self.o_proj(output.flatten(2))


class SigmoidEncoder(nn.Module):
    """Two layers of sigmoid attention with residuals."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(SigmoidAttention() for _ in range(2))
        self.norms = nn.ModuleList(nn.LayerNorm(EMBED_DIM) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = x + layer(norm(x))
        return x


def build_model() -> nn.Module:
    """The same weights at every call."""
    torch.manual_seed(0)
    return SigmoidEncoder()


def example_inputs() -> Tensor:
    """Sequences of random vectors, [B, S, E]."""
    return torch.randn(BATCH_SIZE, SEQ_LEN, EMBED_DIM, generator=torch.Generator().manual_seed(0))
