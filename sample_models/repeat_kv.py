"""Grouped-query attention that copies its keys and values for every query head."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

VOCAB_SIZE = 50
BATCH_SIZE, SEQ_LEN = 2, 16
EMBED_DIM, NUM_HEADS, NUM_KV_HEADS, NUM_LAYERS = 32, 4, 2, 2
HEAD_DIM = EMBED_DIM // NUM_HEADS

causal = True


class GroupedQueryAttention(nn.Module):
    """Several query heads share one key-value head, by a copy of it for each."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj = nn.Linear(EMBED_DIM, NUM_HEADS * HEAD_DIM, bias=False)
        self.k_proj = nn.Linear(EMBED_DIM, NUM_KV_HEADS * HEAD_DIM, bias=False)
        self.v_proj = nn.Linear(EMBED_DIM, NUM_KV_HEADS * HEAD_DIM, bias=False)
        self.o_proj = nn.Linear(NUM_HEADS * HEAD_DIM, EMBED_DIM, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # [B, S, E] -> [B, S, E]
        query = self.q_proj(x).unflatten(-1, (NUM_HEADS, HEAD_DIM)).transpose(1, 2)  # [B, H, S, D]
        key = self.k_proj(x).unflatten(-1, (NUM_KV_HEADS, HEAD_DIM)).transpose(1, 2)  # [B, G, S, D]
        value = self.v_proj(x).unflatten(-1, (NUM_KV_HEADS, HEAD_DIM)).transpose(1, 2)
        key = key.repeat_interleave(NUM_HEADS // NUM_KV_HEADS, dim=1)  # [B, H, S, D]
        value = value.repeat_interleave(NUM_HEADS // NUM_KV_HEADS, dim=1)
        output = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.o_proj(output.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention and feed-forward, each behind a normalisation and beside a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(EMBED_DIM)
        self.attention = GroupedQueryAttention()
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
        self.positions = nn.Embedding(SEQ_LEN, EMBED_DIM)
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
