"""Numbers per head and per pair of heads, gathered site by site. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite
from statistics import median

from attnprobe.records import HeadMatrix, Measurement, NotMeasured, ProbeResult

NOT_FINITE = "its numbers hold NaN or infinity"

Values = Sequence[float | None]


class Gathered:
    """What a probe has found so far. What is not finite becomes a gap."""

    def __init__(self) -> None:
        self._measurements: list[Measurement] = []
        self._matrices: list[HeadMatrix] = []
        self._gaps: list[NotMeasured] = []

    def number(self, metric: str, site: str, value: float) -> None:
        """One number of a site; of the model where `site` is ""."""
        if isfinite(value):
            self._measurements.append(Measurement(metric=metric, site=site, value=value))
        else:
            self.missing((metric,), site, NOT_FINITE)

    def heads(
        self, metric: str, site: str, values: Values, reason: str = NOT_FINITE, *, value: float | None = None
    ) -> None:
        """A number per head, and for the site `value` or their mean; `reason` is for when no head has one."""
        finite = tuple(None if v is None or not isfinite(v) else float(v) for v in values)
        known = [value for value in finite if value is not None]
        if not known:
            self.missing((metric,), site, reason)
            return
        own = sum(known) / len(known) if value is None else value
        self._measurements.append(Measurement(metric=metric, site=site, value=own, per_head=finite))

    def pairs(self, metric: str, site: str, values: Sequence[Values], reason: str = NOT_FINITE) -> None:
        """A number per pair of heads, and the median over pairs of two heads for the site."""
        rows = tuple(tuple(None if v is None or not isfinite(v) else float(v) for v in row) for row in values)
        known = [v for number, row in enumerate(rows) for v in row[:number] if v is not None]
        if not known:
            self.missing((metric,), site, reason)
            return
        self._matrices.append(HeadMatrix(metric=metric, site=site, values=rows))
        self._measurements.append(Measurement(metric=metric, site=site, value=median(known)))

    def missing(self, metrics: Iterable[str], site: str, reason: str) -> None:
        """Several numbers that are not there for one reason."""
        self._gaps += [NotMeasured(metric=metric, site=site, reason=reason) for metric in metrics]

    def result(self, notes: tuple[str, ...] = ()) -> ProbeResult:
        """Everything."""
        return ProbeResult(
            measurements=tuple(self._measurements),
            matrices=tuple(self._matrices),
            not_measured=tuple(self._gaps),
            notes=notes,
        )
