"""The curves of a metric: the whole model's, then one per group."""

from __future__ import annotations

from dataclasses import dataclass

from attnprobe.records import Curve, Number, Scan
from attnprobe.report.parts.catalogue import Words, join, say
from attnprobe.report.parts.readings import is_health, middle
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
    """The whole model, then a curve per group of sites.

    What a group costs is the sum over its sites, or one site's where not all have one. How healthy it is, is
    the median of its sites, and may be zero or less.
    """
    is_cost = not is_health(scan, metric)
    own_curves = (curve for curve in scan.curves if curve.metric == metric)
    curves = {curve.site: curve for curve in own_curves if _drawable(curve, is_cost)}
    found = [Series("", say("series.model"), curves[""].lengths, curves[""].values)] if "" in curves else []
    for group in site_groups(scan):
        own = [curves[site.id] for site in group.sites if site.id in curves]
        found += [_sum(group, own) if is_cost else _median(group, own)] if own else []
    known = {site.id for site in scan.sites} | {""}
    found += [Series("*", safe(c.site), c.lengths, c.values) for c in curves.values() if c.site not in known]
    return tuple(found)


def _drawable(curve: Curve, is_positive: bool) -> bool:
    return (
        len(curve.lengths) > 1
        and len(curve.lengths) == len(curve.values)
        and min(curve.lengths) > 0
        and (min(curve.values) > 0 or not is_positive)
    )


def _median(group: SiteGroup, curves: list[Curve]) -> Series:
    """The median over the sites of a group at each length."""
    at: dict[int, list[Number]] = {}
    for curve in curves:
        for length, value in zip(curve.lengths, curve.values, strict=True):
            at.setdefault(length, []).append(value)
    lengths = tuple(sorted(at))
    values = tuple(middle(at[length]) for length in lengths)
    return Series(group.letter, join((group.name, group.times), "list.space"), lengths, values)


def _sum(group: SiteGroup, curves: list[Curve]) -> Series:
    """The sum over the sites of a group; one may stand for all, since identical sites form a group."""
    first, sites = curves[0], len(group.sites)
    if len(curves) == sites and all(curve.lengths == first.lengths for curve in curves):
        values = tuple(sum(column) for column in zip(*(curve.values for curve in curves), strict=True))
    else:
        values = tuple(value * sites for value in first.values)
    return Series(group.letter, join((group.name, group.times), "list.space"), first.lengths, values)
