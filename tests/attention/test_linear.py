"""Facts about linear attention."""

from __future__ import annotations

import math

import pytest
import torch

from attnprobe.attention import Attention, Mask, build
from attnprobe.attention.kernelised.core import SumsCache
from attnprobe.attention.linear import Linear
from attnprobe.errors import MaskError, ShapeError
from attnprobe.testing import assert_core_conforms


def heads(*numbers: float) -> torch.Tensor:
    """One head of width 1."""
    return torch.tensor(numbers, dtype=torch.float64)[None, None, :, None]


def test_it_keeps_its_word() -> None:
    assert_core_conforms(Linear())


def test_weights_are_products_of_elu_plus_one() -> None:
    # φ(0) = 1; φ(1) = 2; φ(-1) = 1/e.
    out = Linear()(heads(0), heads(1, -1), heads(2, 4))
    assert out.item() == pytest.approx((2 * 2 + 4 / math.e) / (2 + 1 / math.e), abs=1e-12)


def test_features_of_very_negative_numbers_do_not_vanish() -> None:
    # elu(-20) + 1 is 0 in float32; e^-20 is not, and both keys weigh the same.
    out = Linear()(*(each.float() for each in (heads(-20), heads(-20, -20), heads(2, 4))))
    assert out.item() == pytest.approx(3.0, rel=1e-6)


def test_a_scale_multiplies_the_scores() -> None:
    # scale 4 in place of 1/√1: queries and keys twice as large; φ(2) = 3, φ(-2) = e^-2.
    out = Linear()(heads(0), heads(1, -1), heads(2, 4), scale=4.0)
    assert out.item() == pytest.approx((3 * 2 + 4 * math.exp(-2)) / (3 + math.exp(-2)), abs=1e-12)


def test_a_scale_that_is_not_positive_is_refused() -> None:
    with pytest.raises(ShapeError, match="positive"):
        Linear()(heads(0), heads(1), heads(1), scale=0.0)


def test_the_state_of_decoding_has_one_size() -> None:
    core, cache = Linear(), Linear().new_cache()
    assert isinstance(cache, SumsCache)
    for length in (1, 200):
        key = torch.randn(1, 2, length, 4)
        core.decode(torch.randn(1, 4, length, 4), key, torch.randn(1, 2, length, 3), cache)
        assert cache.sums is not None
        assert (cache.sums.matrix.shape, cache.sums.total.shape) == ((1, 2, 4, 3), (1, 2, 4))
    assert cache.length == 201


def test_a_window_is_refused() -> None:
    with pytest.raises(MaskError, match="window"):
        Linear()(heads(0), heads(0), heads(0), Mask(window=(1, 0)))


def test_nothing_quadratic_is_kept_for_the_backward_pass() -> None:
    saved: list[int] = []

    def count(tensor: torch.Tensor) -> torch.Tensor:
        saved.append(tensor.untyped_storage().nbytes())
        return tensor

    def kept(length: int) -> int:
        saved.clear()
        query = torch.randn(1, 1, length, 8, requires_grad=True)
        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            Linear()(query, query, query, Mask(is_causal=True))
        return max(saved)

    assert kept(2048) < 2048 * 2048  # bytes; the map would take four times as many
    assert kept(2048) <= 2 * kept(1024)


def test_a_layer_trains_under_autocast() -> None:
    layer = Attention(16, 2, build("linear"))
    x = torch.randn(2, 70, 16)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(x, mask=Mask(is_causal=True))
    out.float().square().sum().backward()
    expected = layer(x, mask=Mask(is_causal=True))
    assert (out.float() - expected).abs().max() < 0.03 * expected.abs().max()
    assert all(each.grad is not None and each.grad.isfinite().all() for each in layer.parameters())
