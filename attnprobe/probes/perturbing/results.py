"""What a check found, as records."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attnprobe.errors import ModelError
from attnprobe.probes.perturbing.short_inputs import Short
from attnprobe.probes.perturbing.starting import Start
from attnprobe.records import Measurement, Metric, NotMeasured, ProbeResult


def why_missing(metrics: Sequence[Metric], reason: str) -> ProbeResult:
    """Metrics that are not measured, all for one reason."""
    return ProbeResult(
        not_measured=tuple(NotMeasured(metric=metric.name, site="", reason=reason) for metric in metrics)
    )


def of_starts(found: Measurement, metric: Metric, start: Start, short: Short, what: str) -> ProbeResult:
    """The number of the model, and for every attention whether it starts there.

    Args:
        found: The number of the model.
        metric: Of the attentions.
        start: The attention, if it is one.
        what: What starts, as a sentence without its end.
    """
    sites = short.trace.sites
    if not short.base.sites:
        reason = short.base.lost or "its inputs are too long to keep what every attention reads"
        missing = why_missing((metric,), f"the attentions were not seen: {reason}").not_measured
        return ProbeResult(measurements=(found,), not_measured=missing)
    told = [i for i in range(len(sites)) if i in short.base.sites and i not in start.unseen]
    values = [Measurement(metric=metric.name, site=sites[i].id, value=float(i == start.site)) for i in told]
    unseen = [
        NotMeasured(
            metric=metric.name,
            site=sites[i].id,
            reason="its queries and keys are not the inputs' tokens or samples, or their layout is unknown",
        )
        for i in range(len(sites))
        if i not in told
    ]
    notes: tuple[str, ...] = ()
    if start.behind is not None:
        notes = (
            f"Somewhere before {sites[start.behind].id or 'the attention'}, not in an attention, {what}.",
        )
    return ProbeResult(measurements=(found, *values), not_measured=tuple(unseen), notes=notes)


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
