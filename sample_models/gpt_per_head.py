"""A small GPT in which every head is a module of its own and the heads' outputs are concatenated."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

VOCAB_SIZE = 50
BATCH_SIZE, SEQ_LEN, MAX_LEN = 2, 16, 24
EMBED_DIM, NUM_HEADS, NUM_LAYERS = 32, 4, 2
HEAD_DIM = EMBED_DIM // NUM_HEADS

causal = True


class Head(nn.Module):
    """One head of causal self-attention with its own three projections."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj = nn.Linear(EMBED_DIM, HEAD_DIM, bias=False)
        self.k_proj = nn.Linear(EMBED_DIM, HEAD_DIM, bias=False)
        self.v_proj = nn.Linear(EMBED_DIM, HEAD_DIM, bias=False)
        self.register_buffer("tril", torch.tril(torch.ones(MAX_LEN, MAX_LEN)))

    def forward(self, x: Tensor) -> Tensor:  # [B, S, E] -> [B, S, D]
        seq_len = x.shape[1]
        query, key = self.q_proj(x), self.k_proj(x)
        scores = query @ key.transpose(-2, -1) * HEAD_DIM**-0.5  # [B, S, S]
        scores = scores.masked_fill(self.tril[:seq_len, :seq_len] == 0, float("-inf"))
        return F.softmax(scores, dim=-1) @ self.v_proj(x)


class MultiHeadAttention(nn.Module):
    """Heads side by side, mixed by one linear map."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleList(Head() for _ in range(NUM_HEADS))
        self.o_proj = nn.Linear(EMBED_DIM, EMBED_DIM)

    def forward(self, x: Tensor) -> Tensor:
        return self.o_proj(torch.cat([head(x) for head in self.heads], dim=-1))


class Block(nn.Module):
    """Attention and feed-forward, each behind a normalisation and beside a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(EMBED_DIM)
        self.attention = MultiHeadAttention()
        self.norm2 = nn.LayerNorm(EMBED_DIM)
        self.feed_forward = nn.Sequential(
            nn.Linear(EMBED_DIM, 4 * EMBED_DIM), nn.ReLU(), nn.Linear(4 * EMBED_DIM, EMBED_DIM)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.feed_forward(self.norm2(x))


class GPT(nn.Module):
    """Token and position embeddings, blocks, a linear map to the vocabulary."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCAB_SIZE, EMBED_DIM)
        self.positions = nn.Embedding(MAX_LEN, EMBED_DIM)
        self.blocks = nn.Sequential(*(Block() for _ in range(NUM_LAYERS)))
        self.norm = nn.LayerNorm(EMBED_DIM)
        self.head = nn.Linear(EMBED_DIM, VOCAB_SIZE)

    def forward(self, ids: Tensor) -> Tensor:  # [B, S] -> [B, S, V]
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1], device=ids.device))
        return self.head(self.norm(self.blocks(x)))


def build_model() -> nn.Module:
    """The same weights at every call."""
    torch.manual_seed(0)
    return GPT()


def example_inputs() -> Tensor:
    """Token ids, [B, S]."""
    return torch.randint(VOCAB_SIZE, (BATCH_SIZE, SEQ_LEN), generator=torch.Generator().manual_seed(0))


def loss(outputs: Tensor, inputs: Tensor) -> Tensor:
    """Cross entropy of every next token."""
    return F.cross_entropy(outputs[:, :-1].flatten(0, 1), inputs[:, 1:].flatten())
