"""Facts about means over neighbours."""

from __future__ import annotations

import torch

from attnprobe.attention.landmarks.means import any_real, means, segments, strides


def test_strides_leave_a_shorter_stretch_at_the_end() -> None:
    assert strides(10, 4) == ((2, 4), (1, 2))
    assert strides(8, 4) == ((2, 4),)
    assert strides(3, 4) == ((1, 3),)


def test_segments_differ_by_one_at_most() -> None:
    assert segments(10, 4) == ((2, 2), (2, 3))
    assert segments(8, 4) == ((4, 2),)


def test_fewer_positions_than_segments_are_one_each() -> None:
    assert segments(3, 8) == ((3, 1),)


def test_means_are_over_real_positions() -> None:
    x = torch.tensor([1.0, 3.0, 5.0, 7.0, 9.0])[None, None, :, None]
    real = torch.tensor([[True, False, True, False, False]])
    runs = strides(5, 2)
    assert means(x, runs).flatten().tolist() == [2.0, 6.0, 9.0]
    assert means(x, runs, real).flatten().tolist() == [1.0, 5.0, 0.0]
    found = any_real(real, runs)
    assert found is not None
    assert found.tolist() == [[True, True, False]]
