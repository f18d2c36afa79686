"""Numbers and gaps of one probe, gathered site by site."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite

from attnprobe.records import Measurement, Metric, NotMeasured, ProbeResult, Trace

NO_BACKWARD = "the scan ran no backward pass"
NO_GRADIENT = (
    "no gradient of the loss reached it: it is frozen, computed without gradients (as under checkpointing "
    "with use_reentrant=True), not read by the loss, or its layout could not be told"
)
NOT_FINITE = "its gradient holds NaN or infinity"


class Collected:
    """What a probe has found so far. A number that is not finite becomes a gap."""

    def __init__(self) -> None:
        self._measurements: list[Measurement] = []
        self._gaps: list[NotMeasured] = []

    def add(self, metric: str, site: str, value: float, per_head: Sequence[float] = ()) -> None:
        """One number of a site, or of the model where `site` is ""."""
        if not isfinite(value):
            self.missing((metric,), site, NOT_FINITE)
            return
        finite = tuple(head if isfinite(head) else None for head in per_head)
        self._measurements.append(Measurement(metric=metric, site=site, value=value, per_head=finite))

    def missing(self, metrics: Iterable[str], site: str, reason: str) -> None:
        """Several numbers that are not there for one reason."""
        self._gaps += [NotMeasured(metric=metric, site=site, reason=reason) for metric in metrics]

    def values(self, metric: str) -> list[float]:
        """The sites' numbers of one metric."""
        found = [m.value for m in self._measurements if m.metric == metric and m.site]
        return [value for value in found if value is not None]

    def result(self) -> ProbeResult:
        """Everything."""
        return ProbeResult(measurements=tuple(self._measurements), not_measured=tuple(self._gaps))


def without_backward(trace: Trace, metrics: Sequence[Metric]) -> ProbeResult | None:
    """A result of gaps alone where the scan ran no backward pass."""
    if trace.backward:
        return None
    collected = Collected()
    collected.missing((metric.name for metric in metrics), "", NO_BACKWARD)
    return collected.result()
