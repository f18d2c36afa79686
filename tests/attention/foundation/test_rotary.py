"""Rotary positions."""

from __future__ import annotations

from math import cos, sin

import pytest
import torch
from torch import Tensor

from attnprobe.attention import Attention, Rotary
from attnprobe.errors import ShapeError


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_a_pair_turns_by_its_position_in_radians() -> None:
    x = torch.tensor([1.0, 0.0], dtype=torch.float64).expand(1, 1, 3, 2)
    expected = torch.tensor([[cos(p), sin(p)] for p in (5, 6, 7)], dtype=torch.float64)
    torch.testing.assert_close(Rotary(2).turned(x, 5)[0, 0], expected)


def test_the_second_of_two_pairs_turns_a_hundredth_as_fast() -> None:
    # D = 4: base^(-2/4) = 10000^(-1/2) = 1/100. Halves: pair 1 is features 1 and 3.
    x = torch.tensor([0.0, 1.0, 0.0, 0.0], dtype=torch.float64).view(1, 1, 1, 4)
    found = Rotary(4).turned(x, 50)[0, 0, 0]
    torch.testing.assert_close(found, torch.tensor([0, cos(0.5), 0, sin(0.5)], dtype=torch.float64))


def test_scores_depend_on_the_distance_alone() -> None:
    query, key, rotary = random(1, 2, 4, 8), random(1, 2, 4, 8, seed=1), Rotary(8)
    here, there = (torch.matmul(q, k.mT) for q, k in (rotary(query, key, 0), rotary(query, key, 1000)))
    torch.testing.assert_close(here, there, rtol=0, atol=1e-11)


def test_queries_are_the_last_of_the_keys() -> None:
    query, key, rotary = random(1, 2, 6, 8), random(1, 2, 6, 8, seed=1), Rotary(8)
    whole, _ = rotary(query, key, 3)
    last, _ = rotary(query[:, :, 4:], key, 3)
    torch.testing.assert_close(last, whole[:, :, 4:])


def test_neighbouring_pairs_are_halves_in_another_order() -> None:
    x, order = random(1, 1, 5, 8), torch.tensor([0, 2, 4, 6, 1, 3, 5, 7])
    neighbours = Rotary(8, is_interleaved=True).turned(x, 2)
    torch.testing.assert_close(neighbours[..., order], Rotary(8).turned(x[..., order], 2))


def test_the_rest_of_the_features_stays() -> None:
    x = random(1, 1, 5, 8)
    found = Rotary(8, rotary_dim=4).turned(x, 2)
    assert torch.equal(found[..., 4:], x[..., 4:])
    assert not torch.equal(found[..., :4], x[..., :4])


def test_a_layer_in_bfloat16_keeps_exact_angles() -> None:
    # In bfloat16 positions above 256 are even numbers only: 1000 and 1001 would turn alike.
    layer = Attention(8, 1, positions=Rotary(8)).bfloat16()
    assert isinstance(layer.positions, Rotary)
    x = torch.ones(1, 1, 2, 8, dtype=torch.bfloat16)
    expected = Rotary(8).turned(x.double(), 1000)
    torch.testing.assert_close(layer.positions.turned(x, 1000).double(), expected, rtol=0, atol=0.01)


@pytest.mark.parametrize("width", [3, 10])
def test_a_width_that_cannot_be_paired_is_an_error(width: int) -> None:
    with pytest.raises(ShapeError, match=f"rotary_dim is {width}"):
        Rotary(8, rotary_dim=width)
