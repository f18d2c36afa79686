"""A small encoder–decoder of `nn.MultiheadAttention` modules, with cross attention to the source.

Source sentences have different lengths; padding is token 0 and is hidden from the attention.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

VOCAB_SIZE, PADDING = 40, 0
BATCH_SIZE, SOURCE_LEN, TARGET_LEN = 2, 12, 8
EMBED_DIM, NUM_HEADS = 32, 4


def feed_forward() -> nn.Module:
    """Two linear maps with a ReLU between them."""
    return nn.Sequential(nn.Linear(EMBED_DIM, 2 * EMBED_DIM), nn.ReLU(), nn.Linear(2 * EMBED_DIM, EMBED_DIM))


class EncoderLayer(nn.Module):
    """Source tokens look at source tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attention = nn.MultiheadAttention(EMBED_DIM, NUM_HEADS, batch_first=True)
        self.feed_forward = feed_forward()
        self.norm1, self.norm2 = nn.LayerNorm(EMBED_DIM), nn.LayerNorm(EMBED_DIM)

    def forward(self, x: Tensor, is_padding: Tensor) -> Tensor:  # [B, S, E] -> [B, S, E]
        y = self.norm1(x)
        x = x + self.self_attention(y, y, y, key_padding_mask=is_padding, need_weights=False)[0]
        return x + self.feed_forward(self.norm2(x))


class DecoderLayer(nn.Module):
    """Target tokens look at earlier target tokens, then at the source."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attention = nn.MultiheadAttention(EMBED_DIM, NUM_HEADS, batch_first=True)
        self.cross_attention = nn.MultiheadAttention(EMBED_DIM, NUM_HEADS, batch_first=True)
        self.feed_forward = feed_forward()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(EMBED_DIM) for _ in range(3))

    def forward(self, x: Tensor, memory: Tensor, is_padding: Tensor) -> Tensor:  # [B, L, E] -> [B, L, E]
        hidden = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).triu(1)
        y = self.norm1(x)
        x = x + self.self_attention(y, y, y, attn_mask=hidden, need_weights=False)[0]
        x = x + self.cross_attention(self.norm2(x), memory, memory, key_padding_mask=is_padding)[0]
        return x + self.feed_forward(self.norm3(x))


class Translator(nn.Module):
    """One encoder layer, one decoder layer, an output head."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCAB_SIZE, EMBED_DIM)
        self.positions = nn.Embedding(max(SOURCE_LEN, TARGET_LEN), EMBED_DIM)
        self.encoder = EncoderLayer()
        self.decoder = DecoderLayer()
        self.head = nn.Linear(EMBED_DIM, VOCAB_SIZE)

    def embed(self, ids: Tensor) -> Tensor:
        """Token and position embeddings, [B, S] -> [B, S, E]."""
        return self.tokens(ids) + self.positions(torch.arange(ids.shape[1], device=ids.device))

    def forward(self, source: Tensor, target: Tensor) -> Tensor:  # [B, S], [B, L] -> [B, L, V]
        is_padding = source == PADDING
        memory = self.encoder(self.embed(source), is_padding)
        return self.head(self.decoder(self.embed(target), memory, is_padding))


def build_model() -> nn.Module:
    """The same weights at every call."""
    torch.manual_seed(0)
    return Translator()


def example_inputs() -> dict[str, Tensor]:
    """Source ids [B, S], the second sentence 3 tokens shorter than the first, and target ids [B, L]."""
    generator = torch.Generator().manual_seed(0)
    source = torch.randint(1, VOCAB_SIZE, (BATCH_SIZE, SOURCE_LEN), generator=generator)
    source[1, -3:] = PADDING
    return {
        "source": source,
        "target": torch.randint(1, VOCAB_SIZE, (BATCH_SIZE, TARGET_LEN), generator=generator),
    }


def loss(outputs: Tensor, inputs: dict[str, Tensor]) -> Tensor:
    """Cross entropy of every next target token."""
    return F.cross_entropy(outputs[:, :-1].flatten(0, 1), inputs["target"][:, 1:].flatten())
