"""Axes: where a value lies, and which values deserve a tick."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, inf, log

MOST_TICKS = 6


@dataclass(frozen=True, slots=True)
class LogAxis:
    """Maps `low`..`high` (both > 0) to `start`..`end` on the drawing."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The place of a value, in units of the drawing."""
        if self.high <= self.low:
            return (self.start + self.end) / 2
        part = (log(value) - log(self.low)) / (log(self.high) - log(self.low))
        return self.start + part * (self.end - self.start)


@dataclass(frozen=True, slots=True)
class LinearAxis:
    """Maps `low`..`high` to `start`..`end` on the drawing."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The place of a value, in units of the drawing."""
        # Halves: the difference of two large ends may overflow
        span = self.high / 2 - self.low / 2
        part = (value / 2 - self.low / 2) / span if span else 0.5
        return self.start + part * (self.end - self.start)


Axis = LinearAxis | LogAxis


def even_ticks(low: float, high: float, is_whole: bool = False) -> tuple[float, ...]:
    """Round values from `low` to `high`, evenly apart: steps of 1, 2 or 5 times a power of ten.

    Args:
        low: The lower end.
        high: >= low.
        is_whole: Whole numbers only.
    """
    room = (high - low) / (MOST_TICKS - 1)
    if not 0 < room < inf:
        return (low,)
    power = 10.0 ** floor(log(room, 10))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= room * (1 - 1e-9))
    step = max(step, 1) if is_whole else step
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return tuple(round(place * step, 12 - floor(log(step, 10))) for place in range(first, last + 1))


def ticks(low: float, high: float, base: int) -> tuple[float, ...]:
    """Round values from `low` to `high`: powers of ten with 2 and 5 between, or powers of two.

    Args:
        low: > 0.
        high: >= low.
        base: 10, or 2 for bytes and lengths.
    """
    if base == 10 and high / low < 100:
        exponents = range(floor(log(low, 10)), ceil(log(high, 10)) + 1)
        round_ones = [factor * 10.0**exponent for exponent in exponents for factor in (1, 2, 5)]
        return tuple(value for value in round_ones if low <= value <= high)
    first, last = ceil(log(low, base) - 1e-9), floor(log(high, base) + 1e-9)
    step = max(1, ceil((last - first + 1) / MOST_TICKS))
    return tuple(float(base) ** exponent for exponent in range(first, last + 1, step))


def apart(places: list[float], least: float, end: float) -> list[float]:
    """The places moved so that neighbours are `least` apart and none lies beyond `end`. Order is kept."""
    order = sorted(range(len(places)), key=lambda k: places[k])
    moved = list(places)
    for before, here in pairwise(order):
        moved[here] = max(moved[here], moved[before] + least)
    limit = end
    for here in reversed(order):
        moved[here] = min(moved[here], limit)
        limit = moved[here] - least
    return moved
