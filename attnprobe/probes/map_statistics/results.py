"""From what a watcher has kept to measurements and gaps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import Any, NamedTuple

from attnprobe.records import AttentionSite, Measurement, Metric, NotMeasured, ProbeResult, Subject

Value = Any  # a float; a tensor [H] of one per head; `OfHeads`; a string: why it is missing
Read = Callable[[int, AttentionSite], Mapping[str, Value]]


class OfHeads(NamedTuple):
    """Numbers of heads for which something else than their mean stands."""

    of_site: float
    by_head: Any  # tensor [H]


_NOTHING = "no query or key that it could be measured on"


def results(
    subject: Subject, metrics: Sequence[Metric], reason: Callable[[int], str], read: Read
) -> list[Measurement | NotMeasured]:
    """Numbers of all sites.

    Args:
        subject: Whose sites.
        metrics: Of the sites and their heads.
        reason: Why none of them is known of a site, by its index; "" when some are.
        read: (index of a site, the site) -> the values of the metrics by name.
    """
    found: list[Measurement | NotMeasured] = []
    for index, site in enumerate(subject.trace.sites):
        why = reason(index)
        values = {metric.name: why for metric in metrics} if why else read(index, site)
        found += [result(name, site.id, value) for name, value in values.items()]
    return found


def result(metric: str, site: str, value: Value) -> Measurement | NotMeasured:
    """One number or gap. Of heads the mean stands for the site; NaN is a gap."""
    if isinstance(value, str):
        return NotMeasured(metric=metric, site=site, reason=value)
    if isinstance(value, OfHeads):
        found = result(metric, site, value.by_head)
        return replace(found, value=value.of_site) if isinstance(found, Measurement) else found
    heads = value.flatten().tolist() if getattr(value, "ndim", 0) else ()
    known = [number for number in heads or [float(value)] if isfinite(number)]
    if not known:
        return NotMeasured(metric=metric, site=site, reason=_NOTHING)
    per_head = tuple(number if isfinite(number) else None for number in heads)
    return Measurement(metric=metric, site=site, value=sum(known) / len(known), per_head=per_head)


def probe_result(found: Sequence[Measurement | NotMeasured], notes: Sequence[str] = ()) -> ProbeResult:
    """Sorted into what was measured and what was not."""
    return ProbeResult(
        measurements=tuple(item for item in found if isinstance(item, Measurement)),
        not_measured=tuple(item for item in found if isinstance(item, NotMeasured)),
        notes=tuple(notes),
    )


def all_heads(found: Sequence[Measurement | NotMeasured], metric: str) -> list[float]:
    """A metric of every head of every site, gaps left out."""
    return [
        value
        for item in found
        if isinstance(item, Measurement) and item.metric == metric and item.site
        for value in item.per_head
        if value is not None
    ]


def of_model(
    metric: str, values: Sequence[float], statistic: Callable[[Sequence[float]], float]
) -> Measurement | NotMeasured:
    """A statistic over all heads as a number of the model."""
    if not values:
        return NotMeasured(metric=metric, site="", reason="it is known of no head")
    return Measurement(metric=metric, site="", value=statistic(values))


def share_above(limit: float) -> Callable[[Sequence[float]], float]:
    """The statistic "share of the values above a limit"."""
    return lambda values: sum(value > limit for value in values) / len(values)
