"""Talking heads: the heads' scores are mixed before the softmax, and their weights after it.

Source: Shazeer et al. 2020, arXiv:2003.02436.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

BATCH_SIZE, SEQ_LEN, EMBED_DIM, NUM_HEADS = 2, 16, 32, 4
HEAD_DIM = EMBED_DIM // NUM_HEADS


class TalkingHeadsAttention(nn.Module):
    """Multi-head attention with a linear map across heads on both sides of the softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj = nn.Linear(EMBED_DIM, EMBED_DIM)
        self.k_proj = nn.Linear(EMBED_DIM, EMBED_DIM)
        self.v_proj = nn.Linear(EMBED_DIM, EMBED_DIM)
        self.mix_scores = nn.Linear(NUM_HEADS, NUM_HEADS, bias=False)
        self.mix_weights = nn.Linear(NUM_HEADS, NUM_HEADS, bias=False)
        self.o_proj = nn.Linear(EMBED_DIM, EMBED_DIM)

    def forward(self, x: Tensor) -> Tensor:  # [B, S, E] -> [B, S, E]
        query, key, value = (
            proj(x).unflatten(-1, (NUM_HEADS, HEAD_DIM)).transpose(1, 2)  # [B, H, S, D]
            for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        scores = query @ key.transpose(-2, -1) * HEAD_DIM**-0.5  # [B, H, S, S]
        scores = self.mix_scores(scores.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        weights = scores.softmax(dim=-1)
        weights = self.mix_weights(weights.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return self.o_proj((weights @ value).transpose(1, 2).flatten(2))


class TalkingEncoder(nn.Module):
    """Two layers with residuals."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(TalkingHeadsAttention() for _ in range(2))
        self.norms = nn.ModuleList(nn.LayerNorm(EMBED_DIM) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = x + layer(norm(x))
        return x


def build_model() -> nn.Module:
    """The same weights at every call."""
    torch.manual_seed(0)
    return TalkingEncoder()


def example_inputs() -> Tensor:
    """Sequences of random vectors, [B, S, E]."""
    return torch.randn(BATCH_SIZE, SEQ_LEN, EMBED_DIM, generator=torch.Generator().manual_seed(0))
