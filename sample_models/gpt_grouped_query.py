"""A small GPT as they are written today: grouped-query attention through SDPA, rotary positions, SwiGLU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

VOCAB_SIZE = 50
BATCH_SIZE, SEQ_LEN = 2, 16
EMBED_DIM, NUM_HEADS, NUM_KV_HEADS, NUM_LAYERS = 32, 4, 2, 2
HEAD_DIM = EMBED_DIM // NUM_HEADS
HIDDEN_DIM = 80

causal = True


def rotate(x: Tensor) -> Tensor:
    """Turn every pair of channels by an angle that grows with the position, [B, H, S, D] -> [B, H, S, D].

    Source: Su et al. 2021, arXiv:2104.09864, section 3.2.2; the two halves of a head form the pairs.
    """
    half = x.shape[-1] // 2
    frequencies = 10_000.0 ** (-torch.arange(half, device=x.device) / half)
    angles = torch.arange(x.shape[-2], device=x.device)[:, None] * frequencies  # [S, D/2]
    first, second = x[..., :half], x[..., half:]
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


class GroupedQueryAttention(nn.Module):
    """Several query heads share one key/value head."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj = nn.Linear(EMBED_DIM, NUM_HEADS * HEAD_DIM, bias=False)
        self.k_proj = nn.Linear(EMBED_DIM, NUM_KV_HEADS * HEAD_DIM, bias=False)
        self.v_proj = nn.Linear(EMBED_DIM, NUM_KV_HEADS * HEAD_DIM, bias=False)
        self.o_proj = nn.Linear(NUM_HEADS * HEAD_DIM, EMBED_DIM, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # [B, S, E] -> [B, S, E]
        query = rotate(self.q_proj(x).unflatten(-1, (NUM_HEADS, HEAD_DIM)).transpose(1, 2))  # [B, H, S, D]
        key = rotate(self.k_proj(x).unflatten(-1, (NUM_KV_HEADS, HEAD_DIM)).transpose(1, 2))  # [B, G, S, D]
        value = self.v_proj(x).unflatten(-1, (NUM_KV_HEADS, HEAD_DIM)).transpose(1, 2)
        output = F.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
        return self.o_proj(output.transpose(1, 2).flatten(2))


class SwiGLU(nn.Module):
    """Feed-forward with a gate."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(EMBED_DIM, HIDDEN_DIM, bias=False)
        self.up = nn.Linear(EMBED_DIM, HIDDEN_DIM, bias=False)
        self.down = nn.Linear(HIDDEN_DIM, EMBED_DIM, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Block(nn.Module):
    """Attention and feed-forward, each behind a normalisation and beside a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.RMSNorm(EMBED_DIM)
        self.attention = GroupedQueryAttention()
        self.norm2 = nn.RMSNorm(EMBED_DIM)
        self.feed_forward = SwiGLU()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.feed_forward(self.norm2(x))


class GPT(nn.Module):
    """Embeddings, blocks, and an output head that shares the embedding's weight."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCAB_SIZE, EMBED_DIM)
        nn.init.normal_(self.tokens.weight, std=0.02)  # it also makes the logits
        self.blocks = nn.ModuleList(Block() for _ in range(NUM_LAYERS))
        self.norm = nn.RMSNorm(EMBED_DIM)
        self.head = nn.Linear(EMBED_DIM, VOCAB_SIZE, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, ids: Tensor) -> Tensor:  # [B, S] -> [B, S, V]
        x = self.tokens(ids)
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
