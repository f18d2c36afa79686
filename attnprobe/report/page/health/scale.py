"""From a value to a shade: linear or logarithmic, with ends that a reader can be told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import log

from attnprobe.records import Number
from attnprobe.report.parts.catalogue import Text, say

SHADES = 8
WIDE = 1000  # a positive range wider than this is drawn logarithmically


@dataclass(frozen=True, slots=True)
class Scale:
    """Where values lie between two ends."""

    low: float
    high: float
    is_log: bool

    @property
    def words(self) -> Text:
        """What kind of scale it is."""
        return say("scale.logarithmic" if self.is_log else "scale.linear")

    def at(self, value: Number) -> float:
        """From 0 at the low end to 1 at the high end; 0 where both ends are one."""
        if self.high <= self.low:
            return 0.0
        if self.is_log:
            return (log(value) - log(self.low)) / (log(self.high) - log(self.low))
        # Halved before they are subtracted: the difference of two large ends may overflow
        span = self.high / 2 - self.low / 2
        return (value / 2 - self.low / 2) / span if span else 0.0

    def shade(self, value: Number) -> int:
        """Which of the shades a value has, 0 for the lowest."""
        return min(max(int(self.at(value) * SHADES), 0), SHADES - 1)


def scale_of(values: Iterable[Number], wide: float = WIDE) -> Scale:
    """The scale of some values, at least one.

    Linear scales start at 0, and end at 1 for shares that reach one half: small differences look small. A
    positive range wider than `wide` is drawn logarithmically.
    """
    known = tuple(float(value) for value in values)
    low, high = min(known), max(known)
    if low > 0 and high / low > wide:
        return Scale(low, high, True)
    return Scale(min(low, 0.0), 1.0 if low >= 0 and 0.5 <= high <= 1 else max(high, 0.0), False)
