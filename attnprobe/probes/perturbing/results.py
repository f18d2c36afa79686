"""What a check found, as records."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attnprobe.errors import ModelError
from attnprobe.records import Metric, NotMeasured, ProbeResult


def why_missing(metrics: Sequence[Metric], reason: str) -> ProbeResult:
    """Metrics that are not measured, all for one reason."""
    return ProbeResult(
        not_measured=tuple(NotMeasured(metric=metric.name, site="", reason=reason) for metric in metrics)
    )


def checked(check: Callable[[], ProbeResult], metrics: Sequence[Metric]) -> ProbeResult:
    """What a check finds; where the model fails on the changed inputs, that is the reason of its gaps."""
    try:
        return check()
    except ModelError as error:
        return why_missing(metrics, f"on changed inputs {error.message}")


def joined(results: Sequence[ProbeResult]) -> ProbeResult:
    """Several results as one."""
    return ProbeResult(
        measurements=tuple(m for result in results for m in result.measurements),
        not_measured=tuple(m for result in results for m in result.not_measured),
        notes=tuple(note for result in results for note in result.notes),
    )
