"""Small stacks of attention into which one fault of health at a time is built; the plain one is healthy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

VOCABULARY, LENGTH, BATCH = 64, 64, 4


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a stack is made of."""

    layers: int = 2
    width: int = 64
    heads: int = 4
    deviation: float = 0.2  # of all projections: far from freshly drawn ones
    has_residual: bool = True
    has_norm: bool = True
    bias: Callable[[Tensor, Tensor], Tensor] | None = None  # of positions of queries [S, 1] and keys [1, S]
    after: Callable[[Tensor], Tensor] | None = None  # what becomes of each attention's output


class Attention(nn.Module):
    """Multi-head self-attention through SDPA."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (
            nn.Linear(plan.width, plan.width, bias=False) for _ in range(4)
        )
        for projection in (self.q_proj, self.k_proj, self.v_proj, self.o_proj):
            nn.init.normal_(projection.weight, std=plan.deviation)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (
            part(x).unflatten(-1, (self.plan.heads, -1)).transpose(1, 2)
            for part in (self.q_proj, self.k_proj, self.v_proj)
        )
        position = torch.arange(x.shape[1])
        bias = None if self.plan.bias is None else self.plan.bias(position[:, None], position[None])
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return self.o_proj(found.transpose(1, 2).flatten(2))


class Layer(nn.Module):
    """An attention, what it reads normalised or not, beside a residual or not."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.norm, self.attn = nn.LayerNorm(plan.width), Attention(plan)

    def forward(self, x: Tensor) -> Tensor:
        branch = self.attn(self.norm(x) if self.plan.has_norm else x)
        branch = branch if self.plan.after is None else self.plan.after(branch)
        return x + branch if self.plan.has_residual else branch


class Stack(nn.Module):
    """Token ids [B, S] to logits [B, S, vocabulary]."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.tokens = nn.Embedding(VOCABULARY, plan.width)
        self.positions = nn.Embedding(LENGTH, plan.width)
        self.layers = nn.ModuleList(Layer(plan) for _ in range(plan.layers))
        self.head = nn.Linear(plan.width, VOCABULARY, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1]))
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


def token_ids(seed: int = 0) -> Tensor:
    """Random ids [B, S]."""
    return torch.randint(0, VOCABULARY, (BATCH, LENGTH), generator=torch.Generator().manual_seed(seed))


def copy_loss(logits: Tensor, ids: Any) -> Tensor:
    """Cross-entropy of copying every token."""
    return F.cross_entropy(logits.flatten(0, 1), ids.flatten())


def distance(query: Tensor, key: Tensor) -> Tensor:
    """A steep fall with the distance: every query sees little but its own key."""
    return -6.0 * (query - key).abs()


def on_key(number: int, score: float = 40.0) -> Callable[[Tensor, Tensor], Tensor]:
    """Far higher scores for one key, whatever the query."""
    return lambda query, key: score * (key == number).float().expand(len(query), -1)


def first_half(query: Tensor, key: Tensor) -> Tensor:
    """Scores so low for the second half of the keys that nobody attends them, though all may."""
    return (-30.0 * (key >= LENGTH // 2).float()).expand(len(query), -1)


def positions_alone(branch: Tensor) -> Tensor:
    """A twentieth of what attention gives, and much that is the same whatever the tokens are."""
    generator = torch.Generator().manual_seed(1)
    return 0.05 * branch + torch.randn(branch.shape[1:], generator=generator)


def chaos(branch: Tensor) -> Tensor:
    """Bounded, with slopes up to 6: small differences grow from layer to layer."""
    return torch.sin(6 * branch)


def loud_head(model: Stack) -> None:
    """The output projection reads head 0 ten times as loudly as the others."""
    model.layers[0].attn.o_proj.weight.data[:, :16] *= 10


def broken_weight(model: Stack) -> None:
    """One weight of the second layer's values is NaN."""
    model.layers[1].attn.v_proj.weight.data[0, 0] = float("nan")


def zero_outputs(model: Stack) -> None:
    """Every output projection starts at zero, as Fixup and many others do on purpose."""
    for layer in model.layers:
        layer.attn.o_proj.weight.data.zero_()
