"""Feed-forward layers are recognised by what they do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attnprobe.probes.counting.parts import cost_shares, parts_of_ops
from attnprobe.probes.counting.tally import count
from tests.probes.captured import capture


class Block(nn.Module):
    """Normalised residual layers around a feed-forward of 8 -> 32 -> 8, then a head of 8 -> 50."""

    def __init__(self, feed_forward: nn.Module) -> None:
        super().__init__()
        self.first, self.norm, self.head = nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 50)
        self.feed_forward = feed_forward

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.first(x)
        x = x + self.feed_forward(self.norm(x))
        return self.head(self.norm(x))


class Gated(nn.Module):
    """down(silu(gate(x)) · up(x)), as in Llama."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.up, self.down = nn.Linear(8, 32), nn.Linear(8, 32), nn.Linear(32, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Tanh(nn.Module):
    """GELU written out with tanh, in float32 whatever the weights."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(8, 32), nn.Linear(32, 8)

    def forward(self, x: Tensor) -> Tensor:
        h = self.up(x).float()
        return self.down((0.5 * h * (1 + torch.tanh(0.8 * (h + 0.04 * h.pow(3))))).to(x.dtype))


def flops_of_parts(module: nn.Module, *args: Any) -> dict[str, int]:
    trace = capture(module, *args)
    counted = count(trace)
    sums: dict[str, int] = {}
    for op, flops, part in zip(trace.ops, counted.per_op, parts_of_ops(trace), strict=True):
        if flops.total and op.phase == "forward" and op.index < trace.forward_end:
            sums[part] = sums.get(part, 0) + flops.total
    return sums


TOKENS = 3 * 5
OTHER = 2 * TOKENS * (8 * 8 + 8 * 50)


@pytest.mark.parametrize(
    ("make", "products"),
    [
        (lambda: nn.Sequential(nn.Linear(8, 32), nn.GELU(), nn.Dropout(), nn.Linear(32, 8)), 2),
        (lambda: nn.Sequential(nn.Linear(8, 32), nn.ReLU(inplace=True), nn.Linear(32, 8)), 2),
        (Gated, 3),
        (Tanh, 2),
    ],
)
def test_products_around_an_activation_are_feed_forward(make: Callable[[], nn.Module], products: int) -> None:
    found = flops_of_parts(Block(make()), torch.randn(3, 5, 8))
    assert found == {"feed_forward": 2 * TOKENS * products * 8 * 32, "other": OTHER}


def test_two_products_without_an_activation_are_not() -> None:
    low_rank = nn.Sequential(nn.Linear(8, 2), nn.Linear(2, 8))
    assert set(flops_of_parts(Block(low_rank), torch.randn(3, 5, 8))) == {"other"}


def test_an_activation_before_a_norm_is_not() -> None:
    head = nn.Sequential(
        nn.Linear(8, 32), nn.GELU(), nn.LayerNorm(32), nn.Linear(32, 8)
    )  # BERT's output head
    assert set(flops_of_parts(Block(head), torch.randn(3, 5, 8))) == {"other"}


class Recurrent(nn.Module):
    """h = tanh(W x + U h) over 4 steps, and a product with the last h."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.u, self.head = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.zeros_like(x[:, 0])
        for step in self.w(x).unbind(1):
            hidden = torch.tanh(step + self.u(hidden))
        return self.head(hidden)


@pytest.mark.parametrize("make", [Recurrent, lambda: nn.GRU(8, 8, num_layers=2)])
def test_recurrent_layers_are_not_feed_forward(make: Callable[[], nn.Module]) -> None:
    assert set(flops_of_parts(make(), torch.randn(3, 4, 8))) == {"other"}


def test_convolutions_are_a_part_of_their_own() -> None:
    model = nn.Sequential(nn.Conv1d(4, 6, 3), nn.ReLU(), nn.Conv1d(6, 4, 1))
    assert flops_of_parts(model, torch.randn(2, 4, 9)) == {
        "convolution": 2 * 2 * 7 * (4 * 6 * 3) + 2 * 2 * 7 * (6 * 4)
    }


def test_a_backward_op_is_of_the_part_of_its_forward() -> None:
    trace = capture(Block(Gated()), torch.randn(3, 5, 8), backward=True)
    parts = parts_of_ops(trace)
    counted = count(trace)
    backward = sum(
        flops.total
        for op, flops, part in zip(trace.ops, counted.per_op, parts, strict=True)
        if op.phase == "backward" and part == "feed_forward"
    )
    assert backward == 2 * (2 * TOKENS * 3 * 8 * 32)


def test_shares_leave_out_what_costs_nothing() -> None:
    shares = cost_shares("flops_forward", {"attention": 30, "other": 10, "convolution": 0})
    assert [(share.part, share.value, share.share) for share in shares] == [
        ("attention", 30, 0.75),
        ("other", 10, 0.25),
    ]
    assert cost_shares("flops_forward", {}) == ()
