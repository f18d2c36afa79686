"""Before and after: totals, attention sites and findings of two scans, with a word for each change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from attnprobe.records import Change, Comparison, Number, Scan
from attnprobe.report.page.elements import Column, Table, rows_left_out
from attnprobe.report.parts.catalogue import Words, join, say
from attnprobe.report.parts.evidence import evidence_shown
from attnprobe.report.parts.findings import card_title
from attnprobe.report.parts.names import metric_title, shown, signed_percent
from attnprobe.report.parts.quantities import UNKNOWN
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.parts.verdict_signs import sign_of

ROWS_SHOWN = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare:
    """The section."""

    base: str
    head: str
    reasons: tuple[str, ...]  # why the two are only partly comparable
    tables: tuple[Table, ...]


def compare(scan: Scan) -> Compare | None:
    """The section; None where nothing was compared."""
    found = scan.comparison
    if found is None:
        return None
    return Compare(
        base=safe(found.base),
        head=safe(found.head),
        reasons=tuple(safe(each, 1000) for each in found.reasons),
        tables=tuple(_tables(scan, found)),
    )


def _tables(scan: Scan, found: Comparison) -> Sequence[Table]:
    made = []
    for kind, first in (("total", "column.metric"), ("site", "column.where"), ("finding", "column.what")):
        changes = [each for each in found.changes if each.kind == kind]
        if changes:
            rows = tuple(_row(scan, each) for each in changes[:ROWS_SHOWN])
            note = rows_left_out(len(rows), len(changes))
            caption = say(f"compare.{kind}s")
            made.append(Table(caption=caption, columns=_columns(kind, first), rows=rows, note=note))
    return made


def _columns(kind: str, first: str) -> tuple[Column, ...]:
    return (
        Column(say(first), "code" if kind == "site" else "text"),
        Column(say("column.base"), "text" if kind == "site" else "number"),
        Column(say("column.head"), "text" if kind == "site" else "number"),
        Column("Δ", "number"),
        Column(say("column.verdict")),
    )


def _row(scan: Scan, change: Change) -> tuple[Words, ...]:
    return (
        _name(scan, change),
        _value(scan, change, change.base),
        _value(scan, change, change.head),
        signed_percent(change.relative) if change.relative is not None else UNKNOWN,
        verdict(change),
    )


def verdict(change: Change) -> Words:
    """ "▲ worse", "≈ within the noise: ±2.4 %": which way a number went, and the word for it."""
    glyph = sign_of(change)
    told = join((glyph, say(f"verdict_of.{change.verdict}")), "list.space")
    return join((told, safe(change.reason, 500)), "list.colon") if change.reason else told


def _name(scan: Scan, change: Change) -> Words:
    if change.kind == "total":
        return metric_title(scan, change.name)
    if change.kind == "site":
        place = safe(change.where or change.name) or say("site.root")
        is_number = change.name in scan.metrics and change.name != change.where
        return join((place, metric_title(scan, change.name)), "list.dot") if is_number else place
    card, place = scan.rules.get(change.name), safe(change.where) or say("series.model")
    title = (card_title(card, ""),) if card else ()
    return join((safe(change.name, 40), *title, place), "list.dot")


def _value(scan: Scan, change: Change, value: Number | str | None) -> Words:
    if value is None:
        return UNKNOWN
    if change.kind != "finding" and not isinstance(value, str):
        return shown(scan, change.name, value)
    return evidence_shown(scan, "", value)
