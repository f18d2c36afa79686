"""The numbers behind a finding: what was held against which limit, and every place where it fired."""

from __future__ import annotations

from attnprobe.records import Finding, Instance, Limit, Scan
from attnprobe.report.page.elements import Column, Table, rows_left_out
from attnprobe.report.parts.catalogue import Words, join, say
from attnprobe.report.parts.evidence import evidence_shown, evidence_title, limit_shown
from attnprobe.report.parts.quantities import UNKNOWN
from attnprobe.report.parts.safe_text import safe

INSTANCES_SHOWN = 500
COLUMNS_SHOWN = 8
HEADS_SHOWN = 24


def evidence_table(scan: Scan, finding: Finding) -> Table | None:
    """Each number with the limits that it was held against, and the direction that would help."""
    limits: dict[str, list[Limit]] = {name: [] for name in finding.evidence}
    for limit in finding.limits:
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
        ", ".join(dict.fromkeys(safe(limit.option) for limit in limits if limit.option)),
    )


def instance_table(scan: Scan, finding: Finding) -> Table | None:
    """Every place, the worst first; None where there is but one and the card has said it all."""
    found = finding.instances
    if len(found) < 2:
        return None
    names = tuple(dict.fromkeys(name for each in found for name in each.evidence))[:COLUMNS_SHOWN]
    has_heads = any(each.heads for each in found)
    has_lines = len({each.location for each in found}) > 1
    columns = (
        Column(say("column.site"), "code"),
        *([Column(say("fact.heads"))] if has_heads else []),
        *(Column(evidence_title(scan, name), "number") for name in names),
        *([Column(say("fact.location"), "code")] if has_lines else []),
    )
    rows = []
    for each in found[:INSTANCES_SHOWN]:
        values = (evidence_shown(scan, name, each.evidence.get(name)) for name in names)
        place = safe(str(each.location)) if each.location else UNKNOWN
        heads, lines = [_heads(each)] * has_heads, [place] * has_lines
        rows.append((safe(each.site) or say("series.model"), *heads, *values, *lines))
    note = rows_left_out(len(rows), len(found))
    return Table(caption=say("finding.places"), columns=columns, rows=tuple(rows), note=note)


def _heads(instance: Instance) -> str:
    told = ", ".join(str(head) for head in instance.heads[:HEADS_SHOWN])
    return f"{told} …" if len(instance.heads) > HEADS_SHOWN else told or UNKNOWN
