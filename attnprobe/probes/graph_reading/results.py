"""Records out of what a static probe found out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from attnprobe.records import Measurement, NotMeasured, Number, ProbeResult

Found = Number | str  # a text is the reason why there is no number


def records(metric: str, values: Mapping[str, Found]) -> Iterator[Measurement | NotMeasured]:
    """One record per site ("" the model)."""
    for site, value in values.items():
        if isinstance(value, str):
            yield NotMeasured(metric=metric, site=site, reason=value)
        else:
            yield Measurement(metric=metric, site=site, value=value)


def result(found: Iterable[Measurement | NotMeasured]) -> ProbeResult:
    """Both kinds in one result."""
    known = tuple(found)
    return ProbeResult(
        measurements=tuple(record for record in known if isinstance(record, Measurement)),
        not_measured=tuple(record for record in known if isinstance(record, NotMeasured)),
    )
