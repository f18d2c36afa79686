"""Two attentions side by side, added as they are; the one for the whole past contributes next to nothing."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

VOCAB_SIZE = 50
BATCH_SIZE, SEQ_LEN = 2, 16
EMBED_DIM, NUM_HEADS = 32, 4
HEAD_DIM = EMBED_DIM // NUM_HEADS
WINDOW_SIZE = 4

causal = True


class Branch(nn.Module):
    """Causal attention, optionally with a limited reach."""

    def __init__(self, window_size: int | None) -> None:
        super().__init__()
        self.window_size = window_size
        self.qkv_proj = nn.Linear(EMBED_DIM, 3 * EMBED_DIM, bias=False)
        self.o_proj = nn.Linear(EMBED_DIM, EMBED_DIM, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # [B, S, E] -> [B, S, E]
        query, key, value = (
            part.unflatten(-1, (NUM_HEADS, HEAD_DIM)).transpose(1, 2)  # [B, H, S, D]
            for part in self.qkv_proj(x).chunk(3, dim=-1)
        )
        mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).tril()
        if self.window_size is not None:
            mask = mask.triu(1 - self.window_size)
        output = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.o_proj(output.transpose(1, 2).flatten(2))


class ParallelAttention(nn.Module):
    """near + far, where the output projection of `far` is a hundred times smaller."""

    def __init__(self) -> None:
        super().__init__()
        self.near = Branch(WINDOW_SIZE)
        self.far = Branch(None)
        with torch.no_grad():
            self.far.o_proj.weight.mul_(0.01)

    def forward(self, x: Tensor) -> Tensor:
        return self.near(x) + self.far(x)


class CompositeModel(nn.Module):
    """One block of parallel attention and feed-forward."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCAB_SIZE, EMBED_DIM)
        self.positions = nn.Embedding(SEQ_LEN, EMBED_DIM)
        self.norm1 = nn.LayerNorm(EMBED_DIM)
        self.attention = ParallelAttention()
        self.norm2 = nn.LayerNorm(EMBED_DIM)
        self.feed_forward = nn.Sequential(
            nn.Linear(EMBED_DIM, 4 * EMBED_DIM), nn.GELU(), nn.Linear(4 * EMBED_DIM, EMBED_DIM)
        )
        self.head = nn.Linear(EMBED_DIM, VOCAB_SIZE)

    def forward(self, ids: Tensor) -> Tensor:  # [B, S] -> [B, S, V]
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1], device=ids.device))
        x = x + self.attention(self.norm1(x))
        return self.head(x + self.feed_forward(self.norm2(x)))


def build_model() -> nn.Module:
    """The same weights at every call."""
    torch.manual_seed(0)
    return CompositeModel()


def example_inputs() -> Tensor:
    """Token ids, [B, S]."""
    return torch.randint(VOCAB_SIZE, (BATCH_SIZE, SEQ_LEN), generator=torch.Generator().manual_seed(0))


def loss(outputs: Tensor, inputs: Tensor) -> Tensor:
    """Cross entropy of every next token."""
    return F.cross_entropy(outputs[:, :-1].flatten(0, 1), inputs[:, 1:].flatten())
