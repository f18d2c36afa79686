"""Where a group's FLOPs go: two pictures."""

from __future__ import annotations

from attnprobe.records import AttentionSite, Scan
from attnprobe.report.page.elements import Bar, Fill, Slice, stacked
from attnprobe.report.parts.catalogue import say
from attnprobe.report.parts.names import metric_title, shown
from attnprobe.report.parts.sites import total

Sites = tuple[AttentionSite, ...]


def forward_split(scan: Scan, sites: Sites) -> Bar | None:
    """Scores, values and projections; None where one of them is not known."""
    fills: dict[str, Fill] = {"flops_scores": "solid", "flops_values": "tint", "flops_projections": "hatch"}
    parts = {name: total(sites, name) for name in fills}
    whole = sum(value or 0 for value in parts.values())
    if not whole or None in parts.values():
        return None
    slices = [
        Slice(metric_title(scan, name), shown(scan, name, value), (value or 0) / whole, fills[name])
        for name, value in parts.items()
    ]
    return stacked(say("split.title"), shown(scan, "flops_forward", whole), slices)


def core_work(scan: Scan, sites: Sites) -> tuple[Bar, ...]:
    """Nominal, useful and executed FLOPs of the core, on one scale."""
    values = {name: total(sites, name) for name in ("flops_core", "flops_useful", "flops_executed")}
    most = max((value for value in values.values() if value is not None), default=0)
    if not most or None in values.values():
        return ()
    return tuple(
        stacked(
            metric_title(scan, name),
            shown(scan, name, value),
            [Slice("", "", (value or 0) / most, "solid")],
            has_legend=False,
        )
        for name, value in values.items()
    )
