"""The keys that weigh most."""

from __future__ import annotations

import pytest
import torch

from attnprobe.probes.top_key_approximation import probe
from tests.probes.given_maps import call_of, heads_of, look, number, site, written

# Two queries of 20 keys: .5, .3, .15 and the rest on one more; and all the same.
SHARP = [0.5, 0.3, 0.15, 0.05, *[0.0] * 16]
EVEN = [0.05] * 20


def result_of(*heads: list[float]):  # type: ignore[no-untyped-def]
    weights = [[row] for row in heads]
    values = torch.eye(20).expand(1, len(heads), 20, 20)
    of = site(heads=len(heads), role="cross", q_len=1, kv_len=20)
    return look(probe, call_of(written(weights), of, value=values, group_of_head=tuple(range(len(heads)))))


def test_a_tenth_of_twenty_keys_are_two() -> None:
    assert heads_of(result_of(SHARP, EVEN), "top_tenth_mass") == pytest.approx([0.8, 0.1])


def test_a_quarter_of_twenty_keys_are_five() -> None:
    assert heads_of(result_of(SHARP, EVEN), "top_quarter_mass") == pytest.approx([1.0, 0.25])


def test_keys_are_counted_until_they_hold_nine_tenths() -> None:
    assert heads_of(result_of(SHARP, EVEN), "keys_for_90") == [3, 18]
    assert heads_of(result_of(SHARP, EVEN), "keys_for_90_share") == pytest.approx([0.15, 0.9])


def test_the_error_is_that_of_the_output_after_scaling_back() -> None:
    # Values are unit vectors, so outputs are the weights: (.625, .375, 0, 0) against (.5, .3, .15, .05).
    lost = (0.125**2 + 0.075**2 + 0.15**2 + 0.05**2) ** 0.5
    whole = (0.5**2 + 0.3**2 + 0.15**2 + 0.05**2) ** 0.5
    assert number(result_of(SHARP), "top_tenth_error") == pytest.approx(lost / whole, rel=1e-5)


def test_equal_weights_are_not_kept_beyond_their_number() -> None:
    # 8 of 20 equal weights, scaled to 1/8 each: √(8 (1/8 - 1/20)² + 12 / 400) / √(20 / 400) = √1.5.
    assert number(result_of(EVEN), "top_8_error") == pytest.approx(1.5**0.5, rel=1e-5)
