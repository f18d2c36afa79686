"""A small stack of causal attentions with a residual, for scans from end to end."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Layer(nn.Module):
    """Two heads of width 4, fused."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(8, 8) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            projection(x).unflatten(-1, (2, 4)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        output = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return x + self.o_proj(output.transpose(1, 2).flatten(2))


class Stack(nn.Module):
    """Tokens to hidden states."""

    def __init__(self, layers: int = 3) -> None:
        super().__init__()
        self.embedding = nn.Embedding(32, 8)
        self.layers = nn.ModuleList(Layer() for _ in range(layers))

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embedding(ids)
        for layer in self.layers:
            x = layer(x)
        return x


def seeded() -> tuple[Stack, Tensor]:
    """The same stack and 64 tokens, every time."""
    torch.manual_seed(0)
    return Stack().eval(), torch.randint(0, 32, (2, 64))
