"""Linear attention: a feature map in place of the softmax, so that keys and values are summed first.

The first block sees the whole sequence, the second one is causal: running sums in place of sums.
Source: Katharopoulos et al. 2020, arXiv:2006.16236, sections 3.2 and 3.3.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BATCH_SIZE, SEQ_LEN, INPUT_DIM, NUM_CLASSES = 2, 16, 12, 5
EMBED_DIM, NUM_HEADS = 32, 4
HEAD_DIM = EMBED_DIM // NUM_HEADS


class LinearAttention(nn.Module):
    """φ(query) (φ(key)ᵀ value), φ(x) = elu(x) + 1, divided by φ(query) · Σ φ(key)."""

    def __init__(self, is_causal: bool) -> None:
        super().__init__()
        self.is_causal = is_causal
        self.q_proj = nn.Linear(EMBED_DIM, EMBED_DIM)
        self.k_proj = nn.Linear(EMBED_DIM, EMBED_DIM)
        self.v_proj = nn.Linear(EMBED_DIM, EMBED_DIM)
        self.o_proj = nn.Linear(EMBED_DIM, EMBED_DIM)

    def forward(self, x: Tensor) -> Tensor:  # [B, S, E] -> [B, S, E]
        query, key, value = (
            proj(x).unflatten(-1, (NUM_HEADS, HEAD_DIM)).transpose(1, 2)  # [B, H, S, D]
            for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        query, key = F.elu(query) + 1, F.elu(key) + 1
        output = self.running(query, key, value) if self.is_causal else self.whole(query, key, value)
        return self.o_proj(output.transpose(1, 2).flatten(2))

    def whole(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Every position sees every position."""
        context = torch.einsum("bhsd,bhse->bhde", key, value)
        total = torch.einsum("bhld,bhd->bhl", query, key.sum(dim=2))
        return torch.einsum("bhld,bhde->bhle", query, context) / total.unsqueeze(-1)

    def running(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Position t sees the positions up to t; holds S contexts of D x D at once."""
        context = torch.einsum("bhsd,bhse->bhsde", key, value).cumsum(dim=2)
        total = torch.einsum("bhld,bhld->bhl", query, key.cumsum(dim=2))
        return torch.einsum("bhld,bhlde->bhle", query, context) / total.unsqueeze(-1)


class Block(nn.Module):
    """Attention and feed-forward, each behind a normalisation and beside a residual."""

    def __init__(self, is_causal: bool) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(EMBED_DIM)
        self.attention = LinearAttention(is_causal)
        self.norm2 = nn.LayerNorm(EMBED_DIM)
        self.feed_forward = nn.Sequential(
            nn.Linear(EMBED_DIM, 2 * EMBED_DIM), nn.GELU(), nn.Linear(2 * EMBED_DIM, EMBED_DIM)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.feed_forward(self.norm2(x))


class LinearTransformer(nn.Module):
    """A classifier of sequences of vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Linear(INPUT_DIM, EMBED_DIM)
        self.bidirectional = Block(is_causal=False)
        self.causal = Block(is_causal=True)
        self.head = nn.Linear(EMBED_DIM, NUM_CLASSES)

    def forward(self, x: Tensor) -> Tensor:  # [B, S, 12] -> [B, classes]
        return self.head(self.causal(self.bidirectional(self.embedding(x)))[:, -1])


def build_model() -> nn.Module:
    """The same weights at every call."""
    torch.manual_seed(0)
    return LinearTransformer()


def example_inputs() -> Tensor:
    """Sequences of random vectors, [B, S, 12]."""
    return torch.randn(BATCH_SIZE, SEQ_LEN, INPUT_DIM, generator=torch.Generator().manual_seed(0))
