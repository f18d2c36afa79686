"""Facts about pooled keys and values."""

from __future__ import annotations

import pytest
import torch

from attnprobe.attention import Mask
from attnprobe.attention.pooled_kv import PooledKv
from attnprobe.attention.sdpa import Sdpa
from attnprobe.errors import ShapeError
from attnprobe.testing import assert_core_conforms

_LANDMARKS = ("padding_length",)  # stretches are counted from the first position


def test_it_keeps_its_word() -> None:
    assert_core_conforms(PooledKv(3), skip=_LANDMARKS)


def test_a_stride_of_one_is_full_attention() -> None:
    query, key, value = (torch.randn(2, 4, 63, 8) for _ in range(3))
    assert torch.allclose(PooledKv(1)(query, key, value), Sdpa()(query, key, value), atol=1e-6)


def test_the_last_stretch_is_averaged_over_what_it_has() -> None:
    zeros = torch.zeros(1, 1, 3, 1)
    value = torch.tensor([1.0, 3.0, 5.0])[None, None, :, None]
    # Equal scores: the mean of (1 + 3) / 2 and 5.
    assert PooledKv(2)(zeros[:, :, :1], zeros, value).item() == pytest.approx(3.5)


def test_padding_is_no_part_of_a_mean() -> None:
    zeros = torch.zeros(1, 1, 4, 1)
    value = torch.tensor([1.0, 3.0, 5.0, 7.0])[None, None, :, None]
    real = torch.tensor([[True, False, True, True]])
    # Stretches (1) and (5, 7): the mean of 1 and 6.
    out = PooledKv(2)(zeros[:, :, :1], zeros, value, Mask(padding=real))
    assert out.item() == pytest.approx(3.5)


def test_a_plane_is_pooled_in_squares() -> None:
    zeros = torch.zeros(1, 1, 6, 1)
    value = torch.tensor([1.0, 2.0, 9.0, 3.0, 4.0, 9.0])[None, None, :, None]
    # 1 2 | 9     squares of two by two: 10 / 4; and 9 at the cut edge.
    # 3 4 | 9
    assert PooledKv(2, grid=(2, 3))(zeros[:, :, :1], zeros, value).item() == pytest.approx((2.5 + 9) / 2)


@pytest.mark.parametrize("padded", [False, True])
def test_a_plane_agrees_with_the_reference(padded: bool) -> None:
    query, key, value = (torch.randn(2, heads, 35, 8, dtype=torch.float64) for heads in (4, 2, 2))
    mask = Mask(padding=torch.arange(35).expand(2, -1) % 11 > 5) if padded else Mask()
    core = PooledKv(3, grid=(5, 7))
    expected = core.reference(query, key, value, mask, 8**-0.5)
    assert torch.allclose(core(query, key, value, mask), expected, atol=1e-12)


def test_a_plane_that_does_not_hold_the_keys_is_refused() -> None:
    x = torch.ones(1, 1, 6, 4)
    with pytest.raises(ShapeError, match="2 x 2 does not hold 6 keys"):
        PooledKv(2, grid=(2, 2))(x, x, x)


def test_a_stride_of_zero_is_refused() -> None:
    with pytest.raises(ShapeError, match="at least 1"):
        PooledKv(0)
