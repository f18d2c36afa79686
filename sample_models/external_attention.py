"""External attention: tokens attend to a small learned memory that all samples share.

The weights are normalised twice: softmax over the tokens, then to a sum of one over the memory.
Source: Guo et al. 2021, arXiv:2105.02358, sections 3.1 and 3.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BATCH_SIZE, NUM_TOKENS, EMBED_DIM, MEMORY_SIZE, NUM_CLASSES = 2, 16, 32, 8, 5


class ExternalAttention(nn.Module):
    """Keys and values are parameters: their number does not grow with the sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj = nn.Linear(EMBED_DIM, EMBED_DIM)
        self.memory_key = nn.Linear(EMBED_DIM, MEMORY_SIZE, bias=False)
        self.memory_value = nn.Linear(MEMORY_SIZE, EMBED_DIM, bias=False)
        self.o_proj = nn.Linear(EMBED_DIM, EMBED_DIM)

    def forward(self, x: Tensor) -> Tensor:  # [B, S, E] -> [B, S, E]
        scores = self.memory_key(self.q_proj(x))  # [B, S, M]
        weights = F.softmax(scores, dim=1)
        weights = weights / (weights.sum(dim=2, keepdim=True) + 1e-9)
        return self.o_proj(self.memory_value(weights))


class MemoryClassifier(nn.Module):
    """Two layers of external attention with residuals."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(ExternalAttention() for _ in range(2))
        self.head = nn.Linear(EMBED_DIM, NUM_CLASSES)

    def forward(self, x: Tensor) -> Tensor:  # [B, S, E] -> [B, classes]
        for layer in self.layers:
            x = x + layer(x)
        return self.head(x.mean(dim=1))


def build_model() -> nn.Module:
    """The same weights at every call."""
    torch.manual_seed(0)
    return MemoryClassifier()


def example_inputs() -> Tensor:
    """Sequences of random vectors, [B, S, E]."""
    return torch.randn(BATCH_SIZE, NUM_TOKENS, EMBED_DIM, generator=torch.Generator().manual_seed(0))
