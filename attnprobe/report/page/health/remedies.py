"""Changes that were tried on a copy of the model, and what each did to a number."""

from __future__ import annotations

from attnprobe.records import Remedy, Scan
from attnprobe.report.page.elements import Column, Table, rows_left_out
from attnprobe.report.parts.catalogue import Words, say
from attnprobe.report.parts.names import metric_title, names, shown
from attnprobe.report.parts.safe_text import safe

ROWS_SHOWN = 100


def remedies(scan: Scan) -> Table | None:
    """A row per change and number; None where nothing was tried."""
    if not scan.remedies:
        return None
    columns = (
        Column(say("column.change"), "prose"),
        Column(say("column.at"), "code"),
        Column(say("column.metric")),
        Column(say("column.where"), "code"),
        Column(say("column.before"), "number"),
        Column(say("column.after"), "number"),
    )
    rows = tuple(_row(scan, each) for each in scan.remedies[:ROWS_SHOWN])
    note = rows_left_out(ROWS_SHOWN, len(scan.remedies))
    return Table(caption=say("remedies.title"), columns=columns, rows=rows, note=note)


def _row(scan: Scan, remedy: Remedy) -> tuple[Words, ...]:
    return (
        safe(remedy.change, 500) or safe(remedy.name),
        names(remedy.sites) if remedy.sites else say("series.model"),
        metric_title(scan, remedy.metric),
        safe(remedy.site, 60) or say("series.model"),
        shown(scan, remedy.metric, remedy.before),
        shown(scan, remedy.metric, remedy.after),
    )
