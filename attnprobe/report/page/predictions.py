"""Roofline times: what a named device would need at least, and which of its limits is met first."""

from __future__ import annotations

from collections.abc import Sequence

from attnprobe.records import Prediction, Scan
from attnprobe.report.page.elements import Column, Table, rows_left_out
from attnprobe.report.parts.catalogue import Words, join, say
from attnprobe.report.parts.quantities import count, quantity
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.parts.sites import site_groups

ROWS_SHOWN = 40


def predictions(scan: Scan) -> tuple[Table, ...]:
    """One table per device and workload: the whole model, then the groups."""
    tables = dict.fromkeys((each.device, each.workload) for each in scan.predictions)
    return tuple(_table(scan, device, workload) for device, workload in tables)


def _table(scan: Scan, device: str, workload: str) -> Table:
    own = {p.site: p for p in scan.predictions if (p.device, p.workload) == (device, workload)}
    rows = [_row(say("series.model"), (own[""],))] if "" in own else []
    named: set[str] = set()
    for group in site_groups(scan):
        found = [own[site.id] for site in group.sites if site.id in own]
        named.update(prediction.site for prediction in found)
        if found:
            times = f"×{count(len(found))}" if len(found) > 1 else ""
            rows.append(_row(join((group.letter, group.name, times), "list.space"), found))
    rows += [_row(safe(site), (p,)) for site, p in own.items() if site and site not in named]
    note = rows_left_out(ROWS_SHOWN, len(rows))
    title = say("roofline.table", workload=say(f"workload.{workload}"), device=safe(device))
    return Table(caption=title, columns=_columns(), rows=tuple(rows[:ROWS_SHOWN]), note=note)


def _columns() -> tuple[Column, ...]:
    keys = ("column.flops", "column.bytes", "column.compute_time", "column.memory_time", "column.time")
    return (
        Column(say("column.what"), "code"),
        *(Column(say(key), "number") for key in keys),
        Column(say("column.bound")),
    )


def _row(label: Words, found: Sequence[Prediction]) -> tuple[Words, ...]:
    bounds = tuple(say(f"bound.{bound}") for bound in sorted({prediction.bound for prediction in found}))
    return (
        label,
        quantity(sum(each.flops for each in found), "FLOP"),
        quantity(sum(each.bytes for each in found), "byte"),
        quantity(sum(each.compute_ms for each in found), "ms"),
        quantity(sum(each.memory_ms for each in found), "ms"),
        quantity(sum(each.ms for each in found), "ms"),
        join(bounds),
    )
