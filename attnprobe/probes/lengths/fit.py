"""What a cost does as the sequence grows: its exponent, and where its quadratic part passes the rest."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import log, sqrt

_TOLERANCE = Fraction(1, 10**6)


def length_exponent(lengths: Sequence[int], values: Sequence[float]) -> float | None:
    """Slope of log cost against log length between the last two lengths: 1 linear, 2 quadratic.

    None with fewer than two lengths or where the cost is zero.
    """
    if len(lengths) < 2 or values[-1] <= 0 or values[-2] <= 0:
        return None
    return log(values[-1] / values[-2]) / log(lengths[-1] / lengths[-2])


def quadratic(lengths: Sequence[int], values: Sequence[float]) -> tuple[Fraction, Fraction, Fraction] | None:
    """(a, b, c) of a + b L + c L² through the first three points, in exact arithmetic.

    None with fewer than four points or when another point is off by more than 1e-6 of its value.
    """
    if len(lengths) < 4:
        return None
    (x1, x2, x3), (y1, y2, y3) = lengths[:3], (Fraction(value) for value in values[:3])
    slope = (y2 - y1) / (x2 - x1)
    c = ((y3 - y1) / (x3 - x1) - slope) / (x3 - x2)
    b = slope - c * (x1 + x2)
    a = y1 - b * x1 - c * x1 * x1
    for x, y in zip(lengths[3:], values[3:], strict=True):
        if abs(a + b * x + c * x * x - Fraction(y)) > _TOLERANCE * abs(Fraction(y)):
            return None
    return a, b, c


def crossover_length(a: Fraction, b: Fraction, c: Fraction) -> float | None:
    """The length beyond which c L² exceeds a + b L; None when there is no quadratic part."""
    if c <= 0:
        return None
    root = float(b) ** 2 + 4 * float(a) * float(c)
    return (float(b) + sqrt(root)) / (2 * float(c)) if root >= 0 else 0.0
