"""Sizes of the weights of queries and keys, by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from attnprobe.probes.score_weights import probe
from tests.probes.captured import measurable

WIDTH = 4


class Attention(nn.Module):
    """One head over all features."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(width, width) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.q_proj(x), self.k_proj(x), self.v_proj(x)
        return (query @ key.mT / 2).softmax(-1) @ value


class Convolved(nn.Module):
    """Queries and keys of a picture."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.qkv = nn.Conv2d(3, WIDTH, 1), nn.Conv2d(WIDTH, 3 * WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.qkv(self.first(x)).flatten(2).chunk(3, dim=1)
        return value @ (query.mT @ key).softmax(-1).mT


def numbers(model: nn.Module, *inputs: Tensor) -> dict[str, float | None]:
    result = probe.run(measurable(model, *inputs, backward=False))
    return {m.metric: m.value for m in result.measurements}


def test_ratio_gain_and_spread_of_constant_weights() -> None:
    model = Attention()
    with torch.no_grad():
        model.q_proj.weight.fill_(0.5)
        model.k_proj.weight.fill_(0.25)
    found = numbers(model, torch.randn(2, 5, WIDTH))
    assert found["query_key_weight_ratio"] == pytest.approx(2)
    assert found["score_weight_gain"] == pytest.approx(0.5 * 0.25 * 4)
    assert found["weight_row_spread"] == pytest.approx(0, abs=1e-6)


def test_spread_is_that_of_the_norms_of_the_rows() -> None:
    model = Attention()
    with torch.no_grad():
        model.k_proj.weight.fill_(1.0)
        model.q_proj.weight.copy_(torch.tensor([1.0, 1.0, 3.0, 3.0])[:, None] / 2)
    # norms 1, 1, 3, 3: mean 2, variance 4 / 3
    expected = math.sqrt(4 / 3) / 2 * math.sqrt(2 * 4)
    found = numbers(model, torch.randn(2, 5, WIDTH))
    assert found["weight_row_spread"] == pytest.approx(expected)


def test_linear_layers_as_torch_draws_them_have_a_gain_of_a_third() -> None:
    """Uniform in ±1/√E: variance 1 / (3 E). Norms of rows vary by √0.8 / (2 √E) of their mean."""
    torch.manual_seed(0)
    found = numbers(Attention(256), torch.randn(2, 5, 256))
    assert found["score_weight_gain"] == pytest.approx(1 / 3, rel=0.02)
    assert found["weight_row_spread"] == pytest.approx(math.sqrt(0.8) / 2 * math.sqrt(2), rel=0.2)


def test_convolutions_are_left_out_with_a_reason() -> None:
    result = probe.run(measurable(Convolved(), torch.randn(2, 3, 4, 4), backward=False))
    assert result.measurements == ()
    assert {m.reason for m in result.not_measured} == {"its queries and keys are made by a convolution"}
