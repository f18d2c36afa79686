"""What to hold against the numbers: the second count, and what could not be seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from attnprobe.records import CrossCheck, Scan
from attnprobe.report.page.elements import Column, Table, rows_left_out
from attnprobe.report.parts.catalogue import Text, Words, join, say
from attnprobe.report.parts.gaps import Gap, gaps
from attnprobe.report.parts.names import NAMES_SHOWN, metric_title, names, shown, signed_percent
from attnprobe.report.parts.quantities import UNKNOWN, count
from attnprobe.report.parts.readings import is_health
from attnprobe.report.parts.safe_text import safe

ROWS_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """What could not be seen, counted or measured. A table that would be empty is None."""

    blind_spots: Table | None
    unknown_ops: Table | None
    not_measured: Table | None

    @property
    def is_empty(self) -> bool:
        """Everything was seen."""
        return not (self.blind_spots or self.unknown_ops or self.not_measured)


def second_count(scan: Scan) -> Table | None:
    """The same numbers from independent counters."""
    columns = (
        Column(say("column.counter"), "code"),
        Column(say("column.metric")),
        Column(say("column.ours"), "number"),
        Column(say("column.theirs"), "number"),
        Column(say("column.difference"), "number"),
        Column(say("column.explanation"), "prose"),
    )
    return _table("second_count.title", columns, [_check(scan, check) for check in scan.cross_checks])


def unseen(scan: Scan) -> Unseen:
    """The section."""
    return Unseen(
        blind_spots=_blind_spots(scan), unknown_ops=_unknown_ops(scan), not_measured=_not_measured(scan)
    )


def _check(scan: Scan, check: CrossCheck) -> tuple[Words, ...]:
    return (
        safe(check.counter),
        metric_title(scan, check.metric),
        shown(scan, check.metric, check.ours),
        shown(scan, check.metric, check.theirs),
        signed_percent(check.difference),
        safe(check.explanation, 1000),
    )


def _blind_spots(scan: Scan) -> Table | None:
    columns = (
        Column(say("column.module"), "code"),
        Column(say("column.kind")),
        Column(say("column.reason"), "prose"),
        Column(say("fact.location"), "code"),
    )
    rows = [
        (
            safe(spot.module) or say("series.model"),
            say(f"blind.{spot.kind}"),
            safe(spot.reason, 1000),
            safe(str(spot.location)) if spot.location else UNKNOWN,
        )
        for spot in scan.blind_spots
    ]
    return _table("unseen.blind_spots", columns, rows)


def _unknown_ops(scan: Scan) -> Table | None:
    columns = (
        Column(say("column.op"), "code"),
        Column(say("column.times"), "number"),
        Column(say("column.modules"), "code"),
        Column(say("column.shapes"), "code"),
        Column(say("column.remedy"), "prose"),
    )
    rows = [
        (safe(op.name), count(op.count), names(op.modules), safe(op.shapes), safe(op.remedy, 1000))
        for op in scan.unknown_ops
    ]
    return _table("unseen.unknown_ops", columns, rows)


def _not_measured(scan: Scan) -> Table | None:
    columns = (
        Column(say("column.metric")),
        Column(say("column.where"), "code"),
        Column(say("column.reason"), "prose"),
    )
    ordered = sorted(gaps(scan), key=lambda gap: all(is_health(scan, name) for name in gap.metrics))
    rows = [(_metrics(scan, gap), _where(gap), safe(gap.reason, 1000)) for gap in ordered]
    return _table("unseen.not_measured", columns, rows)


def _metrics(scan: Scan, gap: Gap) -> Text:
    """All metrics of cost; those of health, which may be many, as a few or as their number."""
    health = [name for name in gap.metrics if is_health(scan, name)]
    cost = tuple(metric_title(scan, name) for name in gap.metrics if name not in health)
    if cost:
        return join((*cost, *([say("term.metrics", count=len(health))] if health else [])))
    more = len(health) - NAMES_SHOWN
    first = join(tuple(metric_title(scan, name) for name in health[:NAMES_SHOWN]))
    return say("list.and_more", names=first, count=count(more)) if more > 0 else first


def _where(gap: Gap) -> Words:
    return names(gap.sites) if gap.sites else say("series.model")


def _table(key: str, columns: tuple[Column, ...], rows: Sequence[tuple[Words, ...]]) -> Table | None:
    if not rows:
        return None
    note = rows_left_out(ROWS_SHOWN, len(rows))
    return Table(caption=say(key), columns=columns, rows=tuple(rows[:ROWS_SHOWN]), note=note)
