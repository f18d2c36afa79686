"""Single-head self-attention as articles introduce it: three linear maps, a product, a softmax, a product.

The input is one sequence without a batch dimension, [S, E]. The scores are not scaled by 1/√D.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SEQ_LEN = 10
INPUT_DIM = 32
ATTENTION_DIM = 16


class SelfAttention(nn.Module):
    """Every token looks at every token of its sequence."""

    def __init__(self, input_dim: int = INPUT_DIM, attention_dim: int = ATTENTION_DIM) -> None:
        super().__init__()
        self.W_Q = nn.Linear(input_dim, attention_dim)
        self.W_K = nn.Linear(input_dim, attention_dim)
        self.W_V = nn.Linear(input_dim, attention_dim)

    def forward(self, x: Tensor) -> Tensor:  # [S, E] -> [S, D]
        Q = self.W_Q(x)
        K = self.W_K(x)
        V = self.W_V(x)
        scores = torch.matmul(Q, K.transpose(0, 1))
        weights = F.softmax(scores, dim=-1)
        return torch.matmul(weights, V)


def example_inputs() -> Tensor:
    """One sequence of random vectors, [S, E]."""
    return torch.randn(SEQ_LEN, INPUT_DIM, generator=torch.Generator().manual_seed(0))
