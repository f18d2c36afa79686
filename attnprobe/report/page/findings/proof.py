"""The numbers behind a finding: what was held against which limit, and every place where it fired."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from attnprobe.records import Finding, Instance, Limit, Scan
from attnprobe.report.page.elements import Column, Table, rows_left_out
from attnprobe.report.parts.catalogue import Words, join, say
from attnprobe.report.parts.evidence import evidence_shown, evidence_title, limit_shown
from attnprobe.report.parts.quantities import UNKNOWN
from attnprobe.report.parts.safe_text import safe

COLUMNS_SHOWN = 8
HEADS_SHOWN = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where a rule fired: a table of what differs, or the names where nothing does."""

    table: Table | None
    same: tuple[Words, ...]
    note: Words


def evidence_table(scan: Scan, finding: Finding) -> Table | None:
    """Each number with the limits that it was held against, and the direction that would help."""
    limits: dict[str, list[Limit]] = {name: [] for name in finding.evidence}
    is_told = any(limit.metric in limits for limit in finding.limits)
    for limit in finding.limits:
        if limit.metric in finding.evidence or not is_told:  # the formula has the conditions beside the point
            limits.setdefault(limit.metric, []).append(limit)
    if not limits:
        return None
    columns = (
        Column(say("column.metric")),
        Column(say("column.value"), "number"),
        Column(say("column.fires"), "number"),
        Column(say("column.helps")),
        Column(say("column.option"), "code"),
    )
    rows = [_row(scan, finding, name, own) for name, own in limits.items()]
    told = [place for place in range(len(columns)) if any(row[place] for row in rows)]
    return Table(
        caption=say("finding.evidence"),
        columns=tuple(columns[place] for place in told),
        rows=tuple(tuple(row[place] for place in told) for row in rows),
    )


def _row(scan: Scan, finding: Finding, name: str, limits: list[Limit]) -> tuple[Words, ...]:
    wanted = next((limit.want for limit in limits if limit.want), "")
    return (
        evidence_title(scan, name),
        evidence_shown(scan, name, finding.evidence.get(name)),
        join(tuple(limit_shown(scan, limit) for limit in limits), "list.and") if limits else "",
        say(f"want.{wanted}") if wanted else "",
        ", ".join(dict.fromkeys(_option(finding, limit) for limit in limits if limit.option)),
    )


def _option(finding: Finding, limit: Limit) -> str:
    """ "AP202.share": as the configuration writes it."""
    return safe(f"{finding.rule}.{limit.option.removeprefix('opt_')}")


def places(scan: Scan, finding: Finding, limit: int) -> Places | None:
    """Every place, the worst first, by what differs; None of a single one, of which the card says all."""
    found, shown = finding.instances, finding.instances[:limit]
    if len(found) < 2:
        return None
    note, columns = rows_left_out(len(shown), len(found)), _columns(scan, found)
    if not columns:
        return Places(table=None, same=tuple(_name(each) for each in shown), note=note)
    rows = tuple((_name(each), *(value(each) for _, value in columns)) for each in shown)
    first = Column(say("column.site"), "code")
    heads = (first, *(column for column, _ in columns))
    return Places(
        table=Table(caption=say("finding.places"), columns=heads, rows=rows, note=note), same=(), note=""
    )


def _columns(scan: Scan, found: Sequence[Instance]) -> list[tuple[Column, Callable[[Instance], Words]]]:
    """Heads, where there are any; numbers and lines, where they differ."""
    columns: list[tuple[Column, Callable[[Instance], Words]]] = []
    if any(each.heads for each in found):
        columns.append((Column(say("fact.heads")), _heads))
    names = dict.fromkeys(name for each in found for name in each.evidence)
    for name in [name for name in names if len({each.evidence.get(name) for each in found}) > 1][
        :COLUMNS_SHOWN
    ]:
        columns.append((Column(evidence_title(scan, name), "number"), partial(_value, scan, name)))
    if len({each.location for each in found}) > 1:
        columns.append((Column(say("fact.location"), "code"), _line))
    return columns


def _name(instance: Instance) -> Words:
    return safe(instance.site) or say("series.model")


def _value(scan: Scan, name: str, instance: Instance) -> Words:
    return evidence_shown(scan, name, instance.evidence.get(name))


def _line(instance: Instance) -> str:
    return safe(str(instance.location)) if instance.location else UNKNOWN


def _heads(instance: Instance) -> str:
    told = ", ".join(str(head) for head in instance.heads[:HEADS_SHOWN])
    return f"{told} …" if len(instance.heads) > HEADS_SHOWN else told or UNKNOWN
