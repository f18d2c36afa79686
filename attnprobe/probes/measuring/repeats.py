"""Repeating a measurement: how often, and what of it is reported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

SLOW_MS = 1_000.0  # from here on one warm-up is enough, and hooks do not show in the time of a step
_BUDGET_MS = 10_000.0  # for the repeats of one measurement
_FEWEST = 3


def repeats_within(asked: int, milliseconds: float) -> int:
    """How often to repeat what took so long: as asked, but at most for 10 s, and at least 3 times."""
    if milliseconds <= 0:
        return max(asked, 1)
    return max(1, min(asked, max(_FEWEST, int(_BUDGET_MS / milliseconds))))


def repeat(once: Callable[[], float], warmup: int, asked: int) -> tuple[float, ...]:
    """Milliseconds of every repeat. `once` runs the thing and says how long it took.

    At least one warm-up run tells how long it takes; a slow one is the only one.
    """
    last = once()
    for _ in range(warmup - 1):
        if last > SLOW_MS:
            break
        last = once()
    return tuple(once() for _ in range(repeats_within(asked, last)))


def spread(values: Sequence[float]) -> float:
    """Median absolute deviation from the median: half of the repeats lie within it."""
    middle = median(values)
    return median(abs(value - middle) for value in values)
