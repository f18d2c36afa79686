"""The backward pass of a shared layer, a first layer and a custom autograd function, module by module."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.flops_truth import hand_written
from benchmarks.flops_truth.truth import (
    B,
    BackwardVariant,
    D,
    Inputs,
    S,
    fused,
    linear,
    mean_square,
    seeded,
    vectors,
)

PROJECTION = linear(B * S, D, D)

# ── One layer called three times, and a layer whose input needs no gradient ─────────────────────────────

CALLS = 3


class SharedLayers(nn.Module):
    """One attention layer, called three times with a residual, after a linear embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Linear(D, D)
        self.layer = hand_written.Sdpa()

    def forward(self, x: Tensor) -> Tensor:
        x = self.embedding(x)
        for _ in range(CALLS):
            x = x + self.layer(x)
        return x


SHARED_LAYER = CALLS * (4 * PROJECTION + hand_written.CORE)
SHARED_LAYER_BACKWARD = CALLS * (2 * 4 * PROJECTION + fused(hand_written.CORE))

SHARED = BackwardVariant(
    name="one layer shared by three calls",
    build=seeded(SharedLayers),
    inputs=lambda: ((vectors(B, S, D),), {}),
    forward={
        "": PROJECTION + SHARED_LAYER,
        "embedding": PROJECTION,
        "layer": SHARED_LAYER,
        "layer.q_proj": CALLS * PROJECTION,
    },
    backward={
        "": PROJECTION + SHARED_LAYER_BACKWARD,
        "embedding": PROJECTION,  # the model's input needs no gradient
        "layer": SHARED_LAYER_BACKWARD,
        "layer.q_proj": CALLS * 2 * PROJECTION,
    },
    loss=mean_square,
)

FIRST_LAYER = BackwardVariant(
    name="hand sdpa, input needs no gradient",
    build=seeded(hand_written.Sdpa),
    inputs=lambda: ((vectors(B, S, D),), {}),
    forward={"": 4 * PROJECTION + hand_written.CORE, "k_proj": PROJECTION, "o_proj": PROJECTION},
    backward={
        "": 3 * PROJECTION + 2 * PROJECTION + fused(hand_written.CORE),
        "k_proj": PROJECTION,
        "o_proj": 2 * PROJECTION,
    },
    loss=mean_square,
)


# ── A custom autograd function: its products belong to the module that called it ────────────────────────


class Product(torch.autograd.Function):
    """x @ weight, with a backward pass of its own."""

    @staticmethod
    def forward(context: Any, x: Tensor, weight: Tensor) -> Tensor:
        context.save_for_backward(x, weight)
        return x @ weight

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        x, weight = context.saved_tensors
        return gradient @ weight.T, x.flatten(0, 1).T @ gradient.flatten(0, 1)


class CustomLinear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(D, D) * D**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        return Product.apply(x, self.weight)  # type: ignore[no-any-return]


def _inputs() -> Inputs:
    return (vectors(B, S, D),), {}


CUSTOM = BackwardVariant(
    name="custom autograd function",
    build=seeded(lambda: nn.Sequential(nn.Linear(D, D), CustomLinear(), nn.Linear(D, D))),
    inputs=_inputs,
    forward={"": 3 * PROJECTION, "0": PROJECTION, "1": PROJECTION, "2": PROJECTION},
    backward={"": 5 * PROJECTION, "0": PROJECTION, "1": 2 * PROJECTION, "2": 2 * PROJECTION},
    loss=mean_square,
)


VARIANTS = (SHARED, FIRST_LAYER, CUSTOM)
