from __future__ import annotations

import pytest

from attnprobe.comparing.pairing import interval_of_median, paired_times


def test_seven_values_hold_the_median_between_smallest_and_largest() -> None:
    # Outside only when all seven lie on one side: 2 / 2**7.
    low, high, confidence = interval_of_median([3, 1, 2, 7, 5, 6, 4])
    assert (low, high) == (1, 7)
    assert confidence == pytest.approx(1 - 2 / 2**7)


def test_eleven_values_leave_out_one_at_each_end() -> None:
    # At most one on a side: 2 (1 + 11) / 2**11 = .012; at most two: 2 (1 + 11 + 55) / 2**11 = .065.
    low, high, confidence = interval_of_median(list(range(1, 12)))
    assert (low, high) == (2, 10)
    assert confidence == pytest.approx(1 - 24 / 2048)


def test_the_ratio_is_the_median_of_the_ratios_of_the_pairs() -> None:
    # A machine that halves its speed for two of the pairs moves both times of a pair, not their ratio.
    base = [10.0, 10.0, 20.0, 20.0, 10.0, 10.0, 10.0]
    head = [11.0, 11.0, 22.0, 22.0, 11.0, 11.0, 11.0]
    (times,) = paired_times({"forward_ms": base}, {"forward_ms": head})
    assert times.ratio == pytest.approx(1.1)
    assert (times.low, times.high) == (pytest.approx(1.1), pytest.approx(1.1))
    assert times.base_ms == tuple(base)


def test_a_time_that_only_one_version_has_is_left_out() -> None:
    times = paired_times({"forward_ms": [1.0] * 7, "backward_ms": [1.0] * 7}, {"forward_ms": [1.0] * 7})
    assert [each.metric for each in times] == ["forward_ms"]
