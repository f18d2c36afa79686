"""A small GPT in which a token sees only its nearest predecessors: a band mask on SDPA."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

VOCAB_SIZE = 50
BATCH_SIZE, SEQ_LEN = 2, 24
EMBED_DIM, NUM_HEADS, NUM_LAYERS = 32, 4, 2
HEAD_DIM = EMBED_DIM // NUM_HEADS
WINDOW_SIZE = 6  # a token sees itself and the 5 tokens before it

causal = True


def band_mask(seq_len: int, window_size: int, device: torch.device) -> Tensor:
    """True where query i may see key j: 0 <= i - j < window_size, [S, S]."""
    positions = torch.arange(seq_len, device=device)
    distance = positions[:, None] - positions[None, :]
    return (distance >= 0) & (distance < window_size)


class WindowAttention(nn.Module):
    """Causal attention with a limited reach."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj = nn.Linear(EMBED_DIM, EMBED_DIM)
        self.k_proj = nn.Linear(EMBED_DIM, EMBED_DIM)
        self.v_proj = nn.Linear(EMBED_DIM, EMBED_DIM)
        self.o_proj = nn.Linear(EMBED_DIM, EMBED_DIM)

    def forward(self, x: Tensor, attn_mask: Tensor) -> Tensor:  # [B, S, E] -> [B, S, E]
        query, key, value = (
            proj(x).unflatten(-1, (NUM_HEADS, HEAD_DIM)).transpose(1, 2)  # [B, H, S, D]
            for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        output = F.scaled_dot_product_attention(query, key, value, attn_mask=attn_mask)
        return self.o_proj(output.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention and feed-forward, each behind a normalisation and beside a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(EMBED_DIM)
        self.attention = WindowAttention()
        self.norm2 = nn.LayerNorm(EMBED_DIM)
        self.feed_forward = nn.Sequential(
            nn.Linear(EMBED_DIM, 4 * EMBED_DIM), nn.GELU(), nn.Linear(4 * EMBED_DIM, EMBED_DIM)
        )

    def forward(self, x: Tensor, attn_mask: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x), attn_mask=attn_mask)
        return x + self.feed_forward(self.norm2(x))


class WindowedGPT(nn.Module):
    """Embeddings, blocks that share one band mask, a linear map to the vocabulary."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCAB_SIZE, EMBED_DIM)
        self.positions = nn.Embedding(SEQ_LEN, EMBED_DIM)
        self.blocks = nn.ModuleList(Block() for _ in range(NUM_LAYERS))
        self.head = nn.Linear(EMBED_DIM, VOCAB_SIZE)

    def forward(self, ids: Tensor) -> Tensor:  # [B, S] -> [B, S, V]
        seq_len = ids.shape[1]
        attn_mask = band_mask(seq_len, WINDOW_SIZE, ids.device)
        x = self.tokens(ids) + self.positions(torch.arange(seq_len, device=ids.device))
        for block in self.blocks:
            x = block(x, attn_mask=attn_mask)
        return self.head(x)


def build_model() -> nn.Module:
    """The same weights at every call."""
    torch.manual_seed(0)
    return WindowedGPT()


def example_inputs() -> Tensor:
    """Token ids, [B, S]."""
    return torch.randint(VOCAB_SIZE, (BATCH_SIZE, SEQ_LEN), generator=torch.Generator().manual_seed(0))


def loss(outputs: Tensor, inputs: Tensor) -> Tensor:
    """Cross entropy of every next token."""
    return F.cross_entropy(outputs[:, :-1].flatten(0, 1), inputs[:, 1:].flatten())
