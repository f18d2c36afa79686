"""The cost strip: one stacked bar per metric, from the scan's cost shares."""

from __future__ import annotations

from math import isclose

from attnprobe.records import CostShare, Scan
from attnprobe.report.page.elements import Bar, Fill, Slice, stacked
from attnprobe.report.parts.catalogue import say_or
from attnprobe.report.parts.costs import by_metric
from attnprobe.report.parts.names import metric_title, shown
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.parts.sites import site_groups, total

_FILLS: dict[str, Fill] = {
    "attention": "solid",
    "feed_forward": "hatch",
    "convolution": "dots",
    "other": "pale",
}
_SPARE: Fill = "cross"
_GROUP_FILLS: tuple[Fill, ...] = ("solid", "tint", "weave", "grain")


def cost_bars(scan: Scan) -> tuple[Bar, ...]:
    """A bar for each metric that has shares."""
    return tuple(_bar(scan, metric, shares) for metric, shares in by_metric(scan).items())


def _bar(scan: Scan, metric: str, shares: tuple[CostShare, ...]) -> Bar:
    slices = [_slice(scan, each) for each in shares]
    return stacked(
        metric_title(scan, metric), shown(scan, metric, sum(each.value for each in shares)), slices
    )


def _slice(scan: Scan, share: CostShare) -> Slice:
    label = say_or(f"part.{share.part}", safe(share.part))
    inner = _by_group(scan, share) if share.part == "attention" else ()
    fill = _FILLS.get(share.part, _SPARE)
    return Slice(label, shown(scan, share.metric, share.value), share.share, fill, inner)


def _by_group(scan: Scan, share: CostShare) -> tuple[Slice, ...]:
    """Attention's slice cut by groups, where they are few and their numbers add up to it."""
    groups = site_groups(scan)
    values = [total(group.sites, share.metric) for group in groups]
    known = [value for value in values if value is not None]
    is_cut = 1 < len(groups) <= len(_GROUP_FILLS) and len(known) == len(groups)
    if not is_cut or not isclose(sum(known), share.value, rel_tol=1e-6):
        return ()
    return tuple(
        Slice(group.letter, shown(scan, share.metric, value), value / share.value * share.share, fill)
        for group, value, fill in zip(groups, known, _GROUP_FILLS, strict=False)
    )
