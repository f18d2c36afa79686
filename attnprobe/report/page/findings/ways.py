"""One remedy of a finding: what to do, how safe it is, what it would save."""

from __future__ import annotations

from dataclasses import dataclass

from attnprobe.records import Saving, Scan
from attnprobe.report.page.elements import Column, Table
from attnprobe.report.parts.catalogue import Words, say
from attnprobe.report.parts.names import metric_title, signed_percent
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.parts.savings import Remedy, amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One remedy."""

    change: Words
    options: str  # of a built-in attention
    exactness: Words
    savings: Table | None
    formulas: tuple[str, ...]


def way(scan: Scan, remedy: Remedy) -> Way:
    """A remedy as its card shows it."""
    return Way(
        change=remedy.change,
        options=remedy.options,
        exactness=say(f"replacement.{remedy.suggestion.exactness}") if remedy.suggestion else "",
        savings=_savings(scan, remedy),
        formulas=tuple(dict.fromkeys(safe(each.formula, 1000) for each in remedy.savings if each.formula)),
    )


def _savings(scan: Scan, remedy: Remedy) -> Table | None:
    if not remedy.savings:
        return None
    columns = (
        Column(say("column.saves")),
        Column(say("column.amount"), "number"),
        Column(say("column.here"), "number"),
        Column(say("column.of_model"), "number"),
        Column(say("column.exactness")),
    )
    rows = tuple(_saving(scan, each) for each in remedy.savings)
    return Table(caption=say("finding.savings"), columns=columns, rows=rows)


def _saving(scan: Scan, saving: Saving) -> tuple[Words, ...]:
    return (
        metric_title(scan, saving.metric),
        amount(scan, saving),
        signed_percent(-saving.local),
        signed_percent(-saving.of_model),
        say(f"status.{saving.status}"),
    )
