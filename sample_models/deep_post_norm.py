"""Sixteen layers normalised after the residual sum, with weights so small that queries and keys starve."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

VOCAB_SIZE = 50
BATCH_SIZE, SEQ_LEN = 2, 24
EMBED_DIM, NUM_HEADS, NUM_LAYERS = 32, 4, 16
HEAD_DIM = EMBED_DIM // NUM_HEADS


class Attention(nn.Module):
    """Self-attention; weights with a deviation of 0.002."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj = nn.Linear(EMBED_DIM, EMBED_DIM, bias=False)
        self.k_proj = nn.Linear(EMBED_DIM, EMBED_DIM, bias=False)
        self.v_proj = nn.Linear(EMBED_DIM, EMBED_DIM, bias=False)
        self.o_proj = nn.Linear(EMBED_DIM, EMBED_DIM, bias=False)
        for projection in (self.q_proj, self.k_proj, self.v_proj, self.o_proj):
            nn.init.normal_(projection.weight, std=0.002)

    def forward(self, x: Tensor) -> Tensor:  # [B, S, E] -> [B, S, E]
        query, key, value = (
            projection(x).unflatten(-1, (NUM_HEADS, HEAD_DIM)).transpose(1, 2)  # [B, H, S, D]
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        output = F.scaled_dot_product_attention(query, key, value)
        return self.o_proj(output.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """The sum of input and attention, normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()
        self.norm = nn.LayerNorm(EMBED_DIM)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x + self.attention(x))


class DeepPostNorm(nn.Module):
    """Token ids to logits."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCAB_SIZE, EMBED_DIM)
        self.positions = nn.Embedding(SEQ_LEN, EMBED_DIM)
        self.blocks = nn.ModuleList(Block() for _ in range(NUM_LAYERS))
        self.head = nn.Linear(EMBED_DIM, VOCAB_SIZE)

    def forward(self, ids: Tensor) -> Tensor:  # [B, S] -> [B, S, V]
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1], device=ids.device))
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def build_model() -> nn.Module:
    """The same weights at every call."""
    torch.manual_seed(0)
    return DeepPostNorm()


def example_inputs() -> Tensor:
    """Token ids, [B, S]."""
    return torch.randint(VOCAB_SIZE, (BATCH_SIZE, SEQ_LEN), generator=torch.Generator().manual_seed(0))


def loss(outputs: Tensor, inputs: Tensor) -> Tensor:
    """Cross entropy of every token itself."""
    return F.cross_entropy(outputs.flatten(0, 1), inputs.flatten())
