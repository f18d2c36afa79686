"""What can be said of an ignore itself: the facts that rules of level "ignore" (AP002 to AP004) read.

rule           the code as it was written: "AP202", "AP2", "quadratic-core-dominates"
origin         "pyproject.toml:31", "model.py:58"
match          the glob over sites; "" of an inline ignore, which has lines instead
reason, owner, until       as written; "" where they are not
reason_length  characters of the reason, without spaces around it
has_reason     whether there is any
findings       number of places of findings that it answers to, whether or not it is still in force
is_unused      it answers to none. None where the rule did not run or could not be measured
is_known_rule  a rule has that id, name or prefix. None where the rules are not known
is_expired     its last day is over
days_left      days to its last day, 0 on that day, negative after it; None without one
is_inline      a comment in the source
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from attnprobe.checking.settings import names_rule
from attnprobe.records import IgnoreEntry, Number, RuleOutcome, Text

Fact = Number | str | bool | None


class NamedRule(Protocol):
    """A rule or its card."""

    @property
    def id(self) -> str:
        """ "AP202"."""

    @property
    def name(self) -> str:
        """ "quadratic-core-dominates"."""

    @property
    def title(self) -> Text:
        """ "The quadratic part dominates", by language."""


@dataclass(frozen=True, slots=True)
class IgnoreUse:
    """One code of one ignore, and what came of it."""

    entry: IgnoreEntry
    code: str
    facts: Mapping[str, Fact]


def use_of(
    entry: IgnoreEntry,
    code: str,
    findings: int,
    day: date,
    rules: Iterable[NamedRule],
    outcomes: Iterable[RuleOutcome],
) -> IgnoreUse:
    """The facts of one code of an ignore."""
    cards = {card.id: card for card in rules}
    named = [card.id for card in cards.values() if names_rule(code, card.id, card.name)]
    left = (date.fromisoformat(entry.until) - day).days if entry.until else None
    reason = entry.reason.strip()
    facts: dict[str, Fact] = {
        "rule": code,
        "origin": entry.origin,
        "match": "" if entry.lines else entry.site,
        "reason": reason,
        "owner": entry.owner,
        "until": entry.until,
        "reason_length": len(reason),
        "has_reason": bool(reason),
        "findings": findings,
        "is_unused": _is_unused(findings, named, cards, {each.rule: each for each in outcomes}),
        "is_known_rule": bool(named) if cards else None,
        "is_expired": left is not None and left < 0,
        "days_left": left,
        "is_inline": entry.is_inline,
    }
    return IgnoreUse(entry, code, facts)


def _is_unused(
    findings: int, named: list[str], cards: Mapping[str, NamedRule], outcomes: Mapping[str, RuleOutcome]
) -> bool | None:
    if findings or not outcomes or (cards and not named):
        return not findings
    looked = [outcomes[rule] for rule in named if rule in outcomes]
    is_sure = looked and all(each.outcome != "not_measured" and not each.partly for each in looked)
    return True if is_sure and len(looked) == len(named) else None
