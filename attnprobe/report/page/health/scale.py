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
        """From 0 at the low end to 1 at the high end; the middle where both ends are one."""
        if self.high <= self.low:
            return 0.5
        if self.is_log:
            return (log(value) - log(self.low)) / (log(self.high) - log(self.low))
        # Divided before they are subtracted: the difference of two large ends may overflow
        return (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)

    def shade(self, value: Number) -> int:
        """Which of the shades a value has, 0 for the lowest."""
        return min(max(int(self.at(value) * SHADES), 0), SHADES - 1)


def scale_of(values: Iterable[Number]) -> Scale:
    """The scale of some values, at least one.

    Numbers between 0 and 1 that reach one half are drawn from 0 to 1, so that small differences look small; a
    range of more than three powers of ten is drawn logarithmically.
    """
    known = tuple(float(value) for value in values)
    low, high = min(known), max(known)
    if low > 0 and high / low > WIDE:
        return Scale(low, high, True)
    return Scale(0.0, 1.0, False) if low >= 0 and 0.5 <= high <= 1 else Scale(low, high, False)
