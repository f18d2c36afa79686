"""A small GPT with attention written by hand: packed projection, `tril` mask buffer, two matmuls."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

VOCAB_SIZE = 50
BATCH_SIZE, SEQ_LEN, MAX_LEN = 2, 16, 24
EMBED_DIM, NUM_HEADS, NUM_LAYERS = 32, 4, 2

causal = True


class CausalSelfAttention(nn.Module):
    """Multi-head attention whose query, key and value come from one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.head_dim = EMBED_DIM // NUM_HEADS
        self.qkv_proj = nn.Linear(EMBED_DIM, 3 * EMBED_DIM)
        self.o_proj = nn.Linear(EMBED_DIM, EMBED_DIM)
        self.dropout = nn.Dropout(0.1)
        self.register_buffer("visible", torch.tril(torch.ones(MAX_LEN, MAX_LEN)).view(1, 1, MAX_LEN, MAX_LEN))

    def forward(self, x: Tensor) -> Tensor:  # [B, S, E] -> [B, S, E]
        batch_size, seq_len, embed_dim = x.shape
        query, key, value = self.qkv_proj(x).split(embed_dim, dim=2)
        query = query.view(batch_size, seq_len, NUM_HEADS, self.head_dim).transpose(1, 2)  # [B, H, S, D]
        key = key.view(batch_size, seq_len, NUM_HEADS, self.head_dim).transpose(1, 2)
        value = value.view(batch_size, seq_len, NUM_HEADS, self.head_dim).transpose(1, 2)

        scores = (query @ key.transpose(-2, -1)) * self.head_dim**-0.5  # [B, H, S, S]
        scores = scores.masked_fill(self.visible[:, :, :seq_len, :seq_len] == 0, float("-inf"))
        weights = self.dropout(F.softmax(scores, dim=-1))
        output = weights @ value  # [B, H, S, D]
        return self.o_proj(output.transpose(1, 2).reshape(batch_size, seq_len, embed_dim))


class Block(nn.Module):
    """Attention and feed-forward, each behind a normalisation and beside a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(EMBED_DIM)
        self.attention = CausalSelfAttention()
        self.norm2 = nn.LayerNorm(EMBED_DIM)
        self.feed_forward = nn.Sequential(
            nn.Linear(EMBED_DIM, 4 * EMBED_DIM), nn.GELU(), nn.Linear(4 * EMBED_DIM, EMBED_DIM)
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
        self.blocks = nn.ModuleList(Block() for _ in range(NUM_LAYERS))
        self.norm = nn.LayerNorm(EMBED_DIM)
        self.head = nn.Linear(EMBED_DIM, VOCAB_SIZE, bias=False)

    def forward(self, ids: Tensor) -> Tensor:  # [B, S] -> [B, S, V]
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1], device=ids.device))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


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
