"""How often something is timed, and what is said of it."""

from __future__ import annotations

from attnprobe.probes.measuring.repeats import repeat, repeats_within, spread


def test_short_runs_are_repeated_as_asked() -> None:
    assert repeats_within(7, 10.0) == 7


def test_long_runs_are_repeated_for_ten_seconds_but_three_times() -> None:
    assert repeats_within(7, 2000.0) == 5
    assert repeats_within(7, 60_000.0) == 3
    assert repeats_within(2, 60_000.0) == 2


def test_warm_up_runs_are_not_reported() -> None:
    times = iter([100.0, 50.0, 1.0, 2.0, 3.0])
    assert repeat(lambda: next(times), 2, 3) == (1.0, 2.0, 3.0)


def test_a_slow_run_is_warmed_up_once() -> None:
    times = iter([4000.0, 4001.0, 4002.0, 4003.0])
    assert repeat(lambda: next(times), 3, 7) == (4001.0, 4002.0, 4003.0)


def test_spread_is_the_median_distance_from_the_median() -> None:
    assert spread([1.0, 2.0, 3.0, 10.0, 100.0]) == 2.0  # median 3; distances 2, 1, 0, 7, 97
    assert spread([5.0]) == 0
