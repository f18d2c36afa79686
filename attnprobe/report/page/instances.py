"""The tables inside a group's row: all metrics of the dictionary, the heads, the single sites."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from attnprobe.records import AttentionSite, Metric, Number, Scan
from attnprobe.report.page.elements import Column, Table, rows_left_out
from attnprobe.report.parts import sites as of
from attnprobe.report.parts.catalogue import Words, say
from attnprobe.report.parts.names import metric_title, shown, unit_of
from attnprobe.report.parts.order import metric_place
from attnprobe.report.parts.quantities import UNKNOWN, count, exact
from attnprobe.report.parts.readings import is_health
from attnprobe.report.parts.safe_text import safe

HEADS_SHOWN = 32
COLUMNS_SHOWN = 8


def metric_table(scan: Scan, sites: tuple[AttentionSite, ...]) -> Table:
    """Every metric of cost in the dictionary for one group: new probes appear here by themselves."""
    is_single = len(sites) == 1
    columns = [Column(say("column.metric")), Column(say("column.each"), "number")]
    if not is_single:
        columns.append(Column(say("column.all_sites", count=count(len(sites))), "number"))
    columns += [Column(say("column.unrounded"), "mixed"), Column(say("column.exactness"))]
    rows = []
    for name in site_metrics(scan, sites):
        metric = scan.metrics.get(name)
        cells = [metric_title(scan, name), _each(scan, name, sites)]
        if not is_single:
            cells.append(_all(scan, metric, name, sites))
        rows.append((*cells, _unrounded(scan, name, sites), _exactness(metric)))
    return Table(caption=say("table.all_metrics"), columns=tuple(columns), rows=tuple(rows))


def site_metrics(scan: Scan, sites: tuple[AttentionSite, ...]) -> tuple[str, ...]:
    """Names of all metrics of cost that these sites have or should have, related ones beside each other."""
    here = {name for site in sites for name in site.metrics if not is_health(scan, name)}
    wanted = {
        name for name, metric in scan.metrics.items() if metric.level == "site" and metric.topic == "cost"
    }
    # A metric without a value and without a reason does not apply here
    fitting = here | {name for name in wanted if of.reason(scan, name, sites[0].id)}
    return tuple(sorted(fitting, key=metric_place))


def instance_table(scan: Scan, sites: tuple[AttentionSite, ...], limit: int) -> Table | None:
    """One row per site of a group, as many as `limit`; None where all rows would say the same."""
    columns = _instance_columns(scan, sites)
    if not columns:
        return None
    rows = tuple((safe(site.id), *(value(site) for _, value in columns)) for site in sites[:limit])
    return Table(
        caption=say("table.instances", count=count(len(sites))),
        columns=(Column(say("column.site"), "code"), *(column for column, _ in columns)),
        rows=rows,
        note=rows_left_out(len(rows), len(sites)),
    )


def _instance_columns(
    scan: Scan, sites: tuple[AttentionSite, ...]
) -> list[tuple[Column, Callable[[AttentionSite], str]]]:
    """What differs between the sites: the line, and any metric."""
    columns: list[tuple[Column, Callable[[AttentionSite], str]]] = []
    if len({site.location for site in sites}) > 1:
        columns.append((Column(say("fact.location"), "code"), _line))
    for name in site_metrics(scan, sites):
        if len({site.metrics.get(name) for site in sites}) > 1:
            columns.append((Column(metric_title(scan, name), "number"), partial(_value, scan, name)))
    return columns[:COLUMNS_SHOWN]


def _line(site: AttentionSite) -> str:
    return safe(str(site.location or UNKNOWN))


def _value(scan: Scan, name: str, site: AttentionSite) -> str:
    return shown(scan, name, site.metrics.get(name))


def head_table(scan: Scan, site: AttentionSite) -> Table | None:
    """The metrics of cost that a site has per head; None when it has none."""
    known = {name: values for name, values in site.head_metrics.items() if not is_health(scan, name)}
    if not known:
        return None
    width = max(len(values) for values in known.values())
    columns = (
        Column(say("column.metric")),
        *(Column(str(head), "number") for head in range(min(width, HEADS_SHOWN))),
    )
    rows = tuple(
        (metric_title(scan, name), *_padded(scan, name, known[name], len(columns) - 1))
        for name in sorted(known, key=metric_place)
    )
    note = rows_left_out(HEADS_SHOWN, width)
    return Table(caption=say("table.heads", site=safe(site.id)), columns=columns, rows=rows, note=note)


def _padded(scan: Scan, name: str, values: tuple[Number | None, ...], width: int) -> tuple[str, ...]:
    texts = tuple(shown(scan, name, value) for value in values[:width])
    return texts + (UNKNOWN,) * (width - len(texts))


def _each(scan: Scan, name: str, sites: tuple[AttentionSite, ...]) -> Words:
    found = of.spread(sites, name)
    if found.is_one:
        return shown(scan, name, found.low)
    return say("range", low=shown(scan, name, found.low), high=shown(scan, name, found.high))


def _all(scan: Scan, metric: Metric | None, name: str, sites: tuple[AttentionSite, ...]) -> Words:
    return shown(scan, name, of.total(sites, name)) if metric and of.is_summed(metric) else ""


def _unrounded(scan: Scan, name: str, sites: tuple[AttentionSite, ...]) -> Words:
    found = of.spread(sites, name)
    if not found.known:
        return safe(of.reason(scan, name, sites[0].id)) or say("reason.unknown")
    return exact(found.low, safe(unit_of(scan, name))) if found.is_one else ""


def _exactness(metric: Metric | None) -> Words:
    return say(f"exactness.{metric.exactness}") if metric else ""
