"""Distances in bins, offsets and their sums."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from attnprobe.probes.approximating.distances import BINS, bin_ends, bins_of


def test_short_distances_have_a_bin_each() -> None:
    assert bins_of(torch.arange(65)).tolist() == list(range(65))
    assert bin_ends()[:65].tolist() == list(range(65))


def test_beyond_64_a_bin_spans_a_32nd_of_its_octave() -> None:
    assert bins_of(torch.tensor([65, 66, 67, 128, 129, 132, 133])).tolist() == [65, 65, 66, 96, 97, 97, 98]
    assert bin_ends()[[65, 66, 96, 97, 98]].tolist() == [66, 68, 128, 132, 136]


@given(st.integers(0, 2**22))
def test_a_bin_ends_at_or_after_its_distances_and_less_than_a_32nd_later(distance: int) -> None:
    place = int(bins_of(torch.tensor(distance)))
    assert place < BINS
    end = int(bin_ends()[place])
    assert distance <= end <= distance + distance // 32
    assert place == 0 or int(bin_ends()[place - 1]) < distance


def test_powers_of_two_end_their_bin() -> None:
    powers = torch.tensor([2**k for k in range(23)])
    assert torch.equal(bin_ends()[bins_of(powers)], powers)
