"""The curves of a metric: the whole model's, then one per group."""

from __future__ import annotations

from dataclasses import dataclass

from attnprobe.records import Curve, Number, Scan
from attnprobe.report.parts.catalogue import Words, join, say
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.parts.sites import SiteGroup, site_groups


@dataclass(frozen=True, slots=True)
class Series:
    """A curve with its name, before it is drawn."""

    letter: str
    label: Words
    lengths: tuple[int, ...]
    values: tuple[Number, ...]


def series(scan: Scan, metric: str) -> tuple[Series, ...]:
    """The whole model, then a curve per group: the sum over its sites, or one site where not all have one."""
    curves = {curve.site: curve for curve in scan.curves if curve.metric == metric and _drawable(curve)}
    found = [Series("", say("series.model"), curves[""].lengths, curves[""].values)] if "" in curves else []
    for group in site_groups(scan):
        own = [curves[site.id] for site in group.sites if site.id in curves]
        found += [_group_series(group, own)] if own else []
    known = {site.id for site in scan.sites} | {""}
    found += [Series("*", safe(c.site), c.lengths, c.values) for c in curves.values() if c.site not in known]
    return tuple(found)


def _drawable(curve: Curve) -> bool:
    return (
        len(curve.lengths) > 1
        and len(curve.lengths) == len(curve.values)
        and min(*curve.values, *curve.lengths) > 0
    )


def _group_series(group: SiteGroup, curves: list[Curve]) -> Series:
    """The sum over the sites of a group; one may stand for all, since identical sites form a group."""
    first, sites = curves[0], len(group.sites)
    if len(curves) == sites and all(curve.lengths == first.lengths for curve in curves):
        values = tuple(sum(column) for column in zip(*(curve.values for curve in curves), strict=True))
    else:
        values = tuple(value * sites for value in first.values)
    return Series(group.letter, join((group.name, group.times), "list.space"), first.lengths, values)
