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


Parabola = tuple[Fraction, Fraction, Fraction]


def parabola(lengths: Sequence[int], values: Sequence[float], core: Sequence[float]) -> Parabola | None:
    """(a, b, c) of a + b L + c L², in exact arithmetic; None when the traced lengths do not prove it.

    Four lengths or more prove it when all lie on the parabola through the first three. Three prove it when
    the attention core is c L² and all the rest a straight line, two when that line passes through zero as
    well. A point may be off by 1e-6 of its value.
    """
    if len(lengths) < 2:
        return None
    if len(lengths) > 3:
        fit = _through(lengths[:3], values[:3])
        return fit if _holds(fit, lengths, values) else None
    quadratic = (Fraction(0), Fraction(0), Fraction(core[0]) / lengths[0] ** 2)
    rest = [Fraction(value) - Fraction(part) for value, part in zip(values, core, strict=True)]
    slope = (rest[1] - rest[0]) / (lengths[1] - lengths[0])
    line = (rest[0] - slope * lengths[0], slope, Fraction(0))
    if len(lengths) == 2 and (line[0] != 0 or core[0] == 0):
        return None
    if _holds(quadratic, lengths, core) and _holds(line, lengths, rest):
        return line[0], slope, quadratic[2]
    return None


def _through(lengths: Sequence[int], values: Sequence[float]) -> Parabola:
    (x1, x2, x3), (y1, y2, y3) = lengths, (Fraction(value) for value in values)
    slope = (y2 - y1) / (x2 - x1)
    c = ((y3 - y1) / (x3 - x1) - slope) / (x3 - x2)
    b = slope - c * (x1 + x2)
    return y1 - b * x1 - c * x1 * x1, b, c


def _holds(fit: Parabola, lengths: Sequence[int], values: Sequence[float | Fraction]) -> bool:
    a, b, c = fit
    return all(
        abs(a + b * length + c * length * length - Fraction(value)) <= _TOLERANCE * abs(Fraction(value))
        for length, value in zip(lengths, values, strict=True)
    )


def crossover_length(a: Fraction, b: Fraction, c: Fraction) -> float | None:
    """The length beyond which c L² exceeds a + b L; None when there is no quadratic part."""
    if c <= 0:
        return None
    root = float(b) ** 2 + 4 * float(a) * float(c)
    return (float(b) + sqrt(root)) / (2 * float(c)) if root >= 0 else 0.0
