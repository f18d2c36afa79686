"""Which way a metric gets better, and how far two equal numbers may lie apart. Data, no judgement."""

from __future__ import annotations

from math import isclose
from typing import Literal

from attnprobe.records import Metric, Number, Verdict

Direction = Literal["lower", ""]

_LOWER_UNITS = frozenset({"FLOP", "byte", "ms", "operation", "parameter"})
_LOWER = frozenset(
    {
        *("batch_leak", "eval_randomness", "future_leak", "kernel_count"),
        *("non_finite_gradients", "non_finite_inputs", "non_finite_outputs", "non_finite_gradient_batches"),
    }
)
# Fewer of these is not by itself better: work that is of use, and the same number counted by another tool.
_NEITHER = frozenset({"flops_useful", "flops_second_count", "flops_executed", "cross_kv_bytes"})

ROUNDING = 1e-6  # exact numbers of floating point: the order of sums may differ between threads
SAMPLED = 0.05  # sampled numbers: of other samples they would differ by a few percent
_NEAR_ZERO = 1e-12


def direction_of(metric: Metric) -> Direction:
    """Whether lower is better; "" where a number is neither good nor bad by itself."""
    if metric.name in _NEITHER:
        return ""
    return "lower" if metric.name in _LOWER or metric.unit in _LOWER_UNITS else ""


def tolerance_of(metric: Metric) -> float:
    """The relative difference up to which two numbers of this metric are equal."""
    return SAMPLED if metric.exactness == "sampled" else ROUNDING


def verdict_of(metric: Metric, base: Number, head: Number) -> Verdict:
    """The word for a change of a number that can be compared."""
    if base == head:
        return "same"
    if not (isinstance(base, int) and isinstance(head, int)):
        if isclose(base, head, rel_tol=ROUNDING, abs_tol=_NEAR_ZERO):
            return "same"
        if isclose(base, head, rel_tol=tolerance_of(metric), abs_tol=_NEAR_ZERO):
            return "within_noise"
    if not direction_of(metric):
        return "changed"
    return "better" if head < base else "worse"


def relative_change(base: Number, head: Number) -> float | None:
    """(head - base) / |base|; 0 from nothing to nothing, None from nothing to something."""
    if base == head:
        return 0.0
    return (head - base) / abs(base) if base else None
