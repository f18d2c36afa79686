"""The rules that found nothing, and the findings that somebody lives with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from attnprobe.records import Ignored, Outcome, RuleOutcome, Scan
from attnprobe.report.page.elements import Column, Table, rows_left_out
from attnprobe.report.parts import findings as of
from attnprobe.report.parts.catalogue import Text, Words, say
from attnprobe.report.parts.outcomes import by_reason, of_outcome, reason
from attnprobe.report.parts.quantities import UNKNOWN, count
from attnprobe.report.parts.safe_text import safe

IGNORED_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLine:
    """A rule in a list."""

    rule: str
    title: Words
    note: Words  # a reason of its own; where it could not be measured although it could elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Rules with one reason."""

    why: Words  # "" of rules that passed, and of those with a reason each
    rules: tuple[RuleLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleList:
    """All rules of which the same came."""

    anchor: str
    title: Text
    short: Text  # for the contents
    is_open: bool  # what was not measured is read unasked
    reasons: tuple[Reason, ...]


def rule_lists(scan: Scan) -> tuple[RuleList, ...]:
    """Not measured, not applicable, passed; a list that would be empty is left out."""
    outcomes: tuple[Outcome, ...] = ("not_measured", "not_applicable", "passed")
    return tuple(_list(scan, name, own) for name in outcomes if (own := of_outcome(scan, name)))


def _list(scan: Scan, outcome: Outcome, own: Sequence[RuleOutcome]) -> RuleList:
    return RuleList(
        anchor=f"rules-{outcome.replace('_', '-')}",
        title=say(f"rules.{outcome}", count=count(len(own))),
        short=say(f"outcome.{outcome}"),
        is_open=outcome == "not_measured",
        reasons=(_passed(scan, own),) if outcome == "passed" else _reasons(scan, own),
    )


def _passed(scan: Scan, own: Sequence[RuleOutcome]) -> Reason:
    return Reason(why="", rules=tuple(_line(scan, each, _partly(each)) for each in own))


def _reasons(scan: Scan, own: Sequence[RuleOutcome]) -> tuple[Reason, ...]:
    """Rules that share a reason stand below it; the others follow with a reason each."""
    grouped = by_reason(own)
    shared = tuple(
        Reason(why=why, rules=tuple(_line(scan, each, "") for each in same))
        for why, same in grouped
        if len(same) > 1
    )
    single = sorted((same[0] for _, same in grouped if len(same) == 1), key=lambda each: each.rule)
    alone = tuple(_line(scan, each, reason(each)) for each in single)
    return (*shared, Reason(why="", rules=alone)) if alone else shared


def _partly(outcome: RuleOutcome) -> Words:
    if not outcome.partly:
        return ""
    return say("rules.partly", part=count(outcome.partly), all=count(outcome.subjects))


def _line(scan: Scan, outcome: RuleOutcome, note: Words) -> RuleLine:
    title = of.card_title(scan.rules.get(outcome.rule), "")
    return RuleLine(rule=safe(outcome.rule, 40), title=title, note=note)


def ignored_table(scan: Scan) -> Table | None:
    """Findings that somebody decided to live with: why, until when, who, and where it is written."""
    if not scan.ignored:
        return None
    columns = (
        Column(say("column.rule"), "code"),
        Column(say("column.what")),
        Column(say("column.where"), "code"),
        Column(say("column.reason"), "prose"),
        Column(say("column.until")),
        Column(say("column.owner")),
        Column(say("column.written"), "code"),
    )
    rows = tuple(_ignored(scan, each) for each in scan.ignored[:IGNORED_SHOWN])
    note = rows_left_out(len(rows), len(scan.ignored))
    caption = say("rules.ignored", count=count(len(scan.ignored)))
    return Table(caption=caption, columns=columns, rows=rows, note=note)


def _ignored(scan: Scan, each: Ignored) -> tuple[Words, ...]:
    return (
        safe(each.finding.rule, 40),
        of.title(scan, each.finding),
        of.where(scan, each.finding),
        safe(each.reason, 1000) or UNKNOWN,
        safe(each.until) or say("ignored.for_ever"),
        safe(each.owner) or UNKNOWN,
        safe(each.origin) or UNKNOWN,
    )
