"""Numbers out of a scan: of all heads, all sites, all pairs."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from attnprobe.records import Scan


def of_heads(scan: Scan, metric: str) -> list[float]:
    """One value per head, site after site; heads without one are left out."""
    values = (value for site in scan.sites for value in site.head_metrics.get(metric, ()))
    return [float(value) for value in values if value is not None]


def of_sites(scan: Scan, metric: str) -> list[float]:
    """One value per site."""
    values = (site.metrics.get(metric) for site in scan.sites)
    return [float(value) for value in values if value is not None]


def of_pairs(scan: Scan, metric: str) -> list[float]:
    """One value per pair of heads of the same site."""
    return [value for known in pairs(scan, metric).values() for value in known.values()]


def pairs(scan: Scan, metric: str) -> dict[str, dict[tuple[int, int], float]]:
    """Site -> pair of heads -> value."""
    found: dict[str, dict[tuple[int, int], float]] = {}
    for matrix in scan.matrices:
        if matrix.metric == metric:
            rows = enumerate(matrix.values)
            found[matrix.site] = {
                (i, j): float(value)
                for i, row in rows
                for j, value in enumerate(row[:i])
                if value is not None
            }
    return found


def total(scan: Scan, metric: str) -> float | None:
    """The model's own value."""
    value = scan.totals.get(metric)
    return None if value is None else float(value)


def middle(values: Sequence[float]) -> float | None:
    """The median; None of nothing."""
    return median(values) if values else None


def largest(values: Sequence[float]) -> float | None:
    """The maximum; None of nothing."""
    return max(values, default=None)


def smallest(values: Sequence[float]) -> float | None:
    """The minimum; None of nothing."""
    return min(values, default=None)
