"""An encoder of `nn.MultiheadAttention` as its default is: weights are returned, and dropped."""

from __future__ import annotations

import torch
from torch import Tensor, nn

VOCAB_SIZE = 50
BATCH_SIZE, SEQ_LEN = 2, 64
EMBED_DIM, NUM_HEADS, NUM_LAYERS = 16, 4, 2


class Layer(nn.Module):
    """Attention behind a normalisation and beside a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(EMBED_DIM)
        self.attention = nn.MultiheadAttention(EMBED_DIM, NUM_HEADS, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:  # [B, S, E] -> [B, S, E]
        y = self.norm(x)
        output, _ = self.attention(y, y, y)
        return x + output


class Encoder(nn.Module):
    """Token and position embeddings, layers, a linear map to the vocabulary."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCAB_SIZE, EMBED_DIM)
        self.positions = nn.Embedding(SEQ_LEN, EMBED_DIM)
        self.layers = nn.ModuleList(Layer() for _ in range(NUM_LAYERS))
        self.head = nn.Linear(EMBED_DIM, VOCAB_SIZE, bias=False)

    def forward(self, ids: Tensor) -> Tensor:  # [B, S] -> [B, S, V]
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1], device=ids.device))
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


def build_model() -> nn.Module:
    """The same weights at every call."""
    torch.manual_seed(0)
    return Encoder()


def example_inputs() -> Tensor:
    """Token ids, [B, S]."""
    return torch.randint(VOCAB_SIZE, (BATCH_SIZE, SEQ_LEN), generator=torch.Generator().manual_seed(0))
