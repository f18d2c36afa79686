"""The table at the top: before and after where two scans were compared, else the totals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attnprobe.records import Change, Scan
from attnprobe.report.judged import budgets, changes
from attnprobe.report.judged.places import shown_side
from attnprobe.report.judged.plain import told
from attnprobe.report.markdown.escaping import code, prose
from attnprobe.report.parts.catalogue import Words, join, say
from attnprobe.report.parts.names import metric_title, shown
from attnprobe.report.parts.safe_text import safe

ROWS_SHOWN = 10
ALWAYS = ("flops_forward", "activation_bytes", "kv_cache_bytes_per_token", "parameters")


def table(scan: Scan, language: str) -> str:
    """The whole table; "" where there is nothing to put in it."""
    return _compared(scan, language) if scan.comparison else _totals(scan, language)


def _compared(scan: Scan, language: str) -> str:
    found = scan.comparison
    assert found is not None
    totals = changes.comparable_totals(scan)
    first = {budget.metric for budget in scan.budgets} | set(ALWAYS)
    chosen = changes.telling(totals, first=first)[:ROWS_SHOWN]
    rows = [_row(scan, change, language) for change in chosen]
    head = ("", *(code(shown_side(name), in_table=True) for name in (found.base, found.head)), "Δ")
    more = sum(map(changes.is_news, totals)) - sum(map(changes.is_news, chosen))
    note = prose(told(say("gate.more_changed", count=more), language)) if more > 0 else ""
    return "\n\n".join(part for part in (_drawn(head, rows), note) if part)


def _row(scan: Scan, change: Change, language: str) -> tuple[str, ...]:
    difference = join((changes.difference(change), changes.verdict(change)), "list.space")
    if any(budget.metric == change.name and budgets.is_failing(budget) for budget in scan.budgets):
        difference = join((difference, say("gate.over_budget")))
    cells: tuple[Words, ...] = (
        changes.name(scan, change),
        changes.value(scan, change, change.base),
        changes.value(scan, change, change.head),
        difference,
    )
    return tuple(prose(told(cell, language)) for cell in cells)


def _totals(scan: Scan, language: str) -> str:
    named = dict.fromkeys((*ALWAYS, *(budget.metric for budget in scan.budgets)))
    known = [name for name in named if scan.totals.get(name) is not None][:ROWS_SHOWN]
    rows = [
        (
            prose(told(metric_title(scan, name), language)),
            prose(told(shown(scan, name, scan.totals[name]), language)),
        )
        for name in known
    ]
    return _drawn((prose(told(say("column.metric"), language)), prose(safe(scan.workload.dtype))), rows)


def _drawn(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [_line(row) for row in rows]
    rule = "|".join(("", "---", *("--:" for _ in head[1:]), ""))
    return "\n".join((_line(head), rule, *lines)) if lines else ""


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
