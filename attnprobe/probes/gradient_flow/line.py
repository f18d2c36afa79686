"""A straight line through points, with its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean


@dataclass(frozen=True, slots=True)
class Line:
    """y = intercept + slope · x."""

    slope: float
    intercept: float
    slope_error: float  # standard error


def fitted(x: Sequence[float], y: Sequence[float]) -> Line:
    """Ordinary least squares through three points or more.

    slope = Sxy / Sxx, standard error = √(Σ residual² / (n - 2) / Sxx).
    """
    mean_x, mean_y = fmean(x), fmean(y)
    spread = sum((a - mean_x) ** 2 for a in x)
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / spread
    intercept = mean_y - slope * mean_x
    residuals = sum((b - intercept - slope * a) ** 2 for a, b in zip(x, y, strict=True))
    return Line(slope, intercept, sqrt(residuals / (len(x) - 2) / spread))
