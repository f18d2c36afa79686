"""Small attentions whose gradients are easy to derive, or to read off autograd."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Self-attention with separate projections and, if asked, fewer key-value heads."""

    def __init__(self, width: int = 16, heads: int = 4, kv_heads: int | None = None) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = heads, kv_heads or heads, width // heads
        self.q_proj = nn.Linear(width, width, bias=False)
        self.k_proj = nn.Linear(width, self.kv_heads * self.head_dim, bias=False)
        self.v_proj = nn.Linear(width, self.kv_heads * self.head_dim, bias=False)
        self.o_proj = nn.Linear(width, width, bias=False)
        self.seen: dict[str, Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:  # [B, S, E]
        def split(y: Tensor, heads: int) -> Tensor:
            return y.view(*y.shape[:2], heads, self.head_dim).transpose(1, 2)

        query = split(self.q_proj(x), self.heads)
        key, value = split(self.k_proj(x), self.kv_heads), split(self.v_proj(x), self.kv_heads)
        output = F.scaled_dot_product_attention(
            query, key, value, enable_gqa=self.heads != self.kv_heads
        )  # [B, H, S, D]
        self.seen = {"query": query, "key": key, "value": value, "output": output}
        return self.o_proj(output.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention and a feed-forward, with or without residuals and normalisations."""

    def __init__(self, width: int, heads: int, *, residual: bool, norm: bool) -> None:
        super().__init__()
        self.attention = Attention(width, heads)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) if norm else nn.Identity() for _ in range(2))
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        for norm, part in zip(self.norms, (self.attention, self._feed_forward), strict=True):
            y = part(norm(x))
            x = x + y if self.residual else y
        return x

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.down(F.gelu(self.up(x)))


class Stack(nn.Module):
    """Blocks between a token embedding and a map to the vocabulary; normal weights of one width."""

    def __init__(
        self, layers: int, *, std: float = 0.02, residual: bool = True, norm: bool = True, width: int = 32
    ) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.tokens = nn.Embedding(50, width)
        self.positions = nn.Parameter(torch.randn(64, width))
        self.blocks = nn.Sequential(*(Block(width, 4, residual=residual, norm=norm) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 50, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2 and not name.startswith(("tokens", "positions", "head")):
                nn.init.normal_(parameter, std=std)

    def forward(self, ids: Tensor) -> Tensor:  # [B, S] -> [B, S, V]
        return self.head(self.norm(self.blocks(self.tokens(ids) + self.positions[: ids.shape[1]])))


def token_ids(seed: int = 0, length: int = 16) -> Tensor:
    """[2, S]."""
    return torch.randint(50, (2, length), generator=torch.Generator().manual_seed(seed))


def next_token_loss(outputs: Tensor, inputs: Tensor) -> Tensor:
    """Cross entropy of every next token."""
    return F.cross_entropy(outputs[:, :-1].flatten(0, 1).float(), inputs[:, 1:].flatten())


def uniform_attention() -> Attention:
    """Two heads of width 2; q and k zero: every key weighs the same; v identity, o diag(1, 1, 2, 2)."""
    model = Attention(4, 2)
    with torch.no_grad():
        model.q_proj.weight.zero_()
        model.k_proj.weight.zero_()
        model.v_proj.weight.copy_(torch.eye(4))
        model.o_proj.weight.copy_(torch.diag(torch.tensor([1.0, 1, 2, 2])))
    return model
