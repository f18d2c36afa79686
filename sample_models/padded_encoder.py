"""An encoder on two sentences of very different length: most of its attention is spent on padding."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

VOCAB_SIZE = 50
BATCH_SIZE, SEQ_LEN = 2, 16
EMBED_DIM, NUM_HEADS, NUM_LAYERS = 32, 4, 2
HEAD_DIM = EMBED_DIM // NUM_HEADS
PADDING, SHORT = 0, 6


class SelfAttention(nn.Module):
    """Attention that hides the padding and computes it all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv_proj = nn.Linear(EMBED_DIM, 3 * EMBED_DIM, bias=False)
        self.o_proj = nn.Linear(EMBED_DIM, EMBED_DIM, bias=False)

    def forward(self, x: Tensor, is_real: Tensor) -> Tensor:  # [B, S, E], bool [B, S] -> [B, S, E]
        query, key, value = (
            part.unflatten(-1, (NUM_HEADS, HEAD_DIM)).transpose(1, 2)  # [B, H, S, D]
            for part in self.qkv_proj(x).chunk(3, dim=-1)
        )
        output = F.scaled_dot_product_attention(query, key, value, attn_mask=is_real[:, None, None, :])
        return self.o_proj(output.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention and feed-forward, each behind a normalisation and beside a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(EMBED_DIM)
        self.attention = SelfAttention()
        self.norm2 = nn.LayerNorm(EMBED_DIM)
        self.feed_forward = nn.Sequential(
            nn.Linear(EMBED_DIM, 4 * EMBED_DIM), nn.GELU(), nn.Linear(4 * EMBED_DIM, EMBED_DIM)
        )

    def forward(self, x: Tensor, is_real: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x), is_real)
        return x + self.feed_forward(self.norm2(x))


class Encoder(nn.Module):
    """Token and position embeddings, blocks, a linear map to the vocabulary."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCAB_SIZE, EMBED_DIM, padding_idx=PADDING)
        self.positions = nn.Embedding(SEQ_LEN, EMBED_DIM)
        self.blocks = nn.ModuleList(Block() for _ in range(NUM_LAYERS))
        self.head = nn.Linear(EMBED_DIM, VOCAB_SIZE, bias=False)

    def forward(self, ids: Tensor) -> Tensor:  # [B, S] -> [B, S, V]
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1], device=ids.device))
        for block in self.blocks:
            x = block(x, ids != PADDING)
        return self.head(x)


def build_model() -> nn.Module:
    """The same weights at every call."""
    torch.manual_seed(0)
    return Encoder()


def example_inputs() -> Tensor:
    """Token ids, [B, S]: a full sentence and one of 6 tokens."""
    ids = torch.randint(1, VOCAB_SIZE, (BATCH_SIZE, SEQ_LEN), generator=torch.Generator().manual_seed(0))
    ids[1, SHORT:] = PADDING
    return ids
