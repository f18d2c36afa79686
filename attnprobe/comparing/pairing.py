"""Times of runs in turns become a ratio and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import comb
from statistics import median

from attnprobe.records import PairedTimes

CONFIDENCE = 0.95
DEFAULT_PAIRS = 11  # the interval then leaves out the one worst pair on each side
FEWEST_PAIRS = 7  # below 6 no interval of order statistics reaches that confidence


def paired_times(
    base: Mapping[str, Sequence[float]], head: Mapping[str, Sequence[float]]
) -> tuple[PairedTimes, ...]:
    """One for every metric that both have.

    Args:
        base: Metric -> milliseconds, one per pair.
        head: The same, of the other version.
    """
    return tuple(_paired(name, base[name], head[name]) for name in base if name in head)


def interval_of_median(values: Sequence[float]) -> tuple[float, float, float]:
    """The narrowest two values that hold the median of where they came from, and how surely they do.

    The k-th smallest and k-th largest of n hold it with probability 1 - 2 · sum over i < k of C(n, i) / 2**n,
    whatever the distribution; k is the largest for which that is at least 0.95.

    Source: Le Boudec 2010, Performance Evaluation of Computer and Communication Systems, section 2.2.2.
    """
    ordered, count = sorted(values), len(values)
    outside = [2 * sum(comb(count, i) for i in range(k)) / 2**count for k in range(1, count // 2 + 1)]
    k = max((k for k, share in enumerate(outside, 1) if 1 - share >= CONFIDENCE), default=1)
    return ordered[k - 1], ordered[-k], 1 - outside[k - 1] if outside else 0.0


def _paired(metric: str, base: Sequence[float], head: Sequence[float]) -> PairedTimes:
    ratios = [after / before for before, after in zip(base, head, strict=True)]
    low, high, confidence = interval_of_median(ratios)
    return PairedTimes(
        metric=metric,
        base_ms=tuple(base),
        head_ms=tuple(head),
        ratio=median(ratios),
        low=low,
        high=high,
        confidence=confidence,
    )
