"""Small transformers into which one fault at a time is built; without faults they are healthy twins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

VOCABULARY, LENGTH, BATCH, WIDTH, HEADS = 64, 64, 4, 64, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a toy is made of."""

    layers: int = 24
    norm: Literal["pre", "post"] = "pre"
    deviation: float = 0.02  # of all weights
    has_residual: bool = True
    slope: float = 0.0  # of a bias -slope · distance on the scores
    leak: int = 0  # how many later keys a query may see
    is_causal: bool = False


class Attention(nn.Module):
    """Multi-head self-attention through SDPA."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.q_proj = nn.Linear(WIDTH, WIDTH, bias=False)
        self.k_proj = nn.Linear(WIDTH, WIDTH, bias=False)
        self.v_proj = nn.Linear(WIDTH, WIDTH, bias=False)
        self.o_proj = nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            part(x).view(*x.shape[:2], HEADS, -1).transpose(1, 2)
            for part in (self.q_proj, self.k_proj, self.v_proj)
        )
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=self._mask(x.shape[1]))
        return self.o_proj(found.transpose(1, 2).flatten(2))

    def _mask(self, length: int) -> Tensor | None:
        position = torch.arange(length)
        offset = position[None] - position[:, None]  # key minus query, [L, S]
        bias = -self.plan.slope * offset.abs().float()
        if self.plan.is_causal:
            return bias.masked_fill(offset > self.plan.leak, -torch.inf)
        return bias if self.plan.slope else None


class Layer(nn.Module):
    """Attention and a feed-forward network, normalised before or after."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.attn = Attention(plan)
        self.feed_forward = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))
        self.norm_1, self.norm_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        for part, norm in ((self.attn, self.norm_1), (self.feed_forward, self.norm_2)):
            if self.plan.norm == "post":
                x = norm(x + part(x) if self.plan.has_residual else part(x))
            else:
                x = x + part(norm(x)) if self.plan.has_residual else part(norm(x))
        return x


class Toy(nn.Module):
    """Token ids [B, T] to logits [B, T, vocabulary]."""

    def __init__(self, plan: Plan, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.Embedding(LENGTH, WIDTH)
        self.layers = nn.ModuleList(Layer(plan) for _ in range(plan.layers))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, VOCABULARY, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                scale = 1.0 if "tokens" in name or "positions" in name else plan.deviation
                nn.init.normal_(parameter, std=scale)
            elif "bias" in name:
                nn.init.zeros_(parameter)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1]))
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x))


def token_ids(seed: int = 0) -> Tensor:
    """Random ids [B, T]."""
    return torch.randint(0, VOCABULARY, (BATCH, LENGTH), generator=torch.Generator().manual_seed(seed))


def copy_loss(logits: Tensor, ids: Tensor) -> Tensor:
    """Cross-entropy of copying every token: logits [B, T, V], ids [B, T]."""
    return F.cross_entropy(logits.flatten(0, 1), ids.flatten())
