"""The section: filters, the cards, then the rules that passed, did not apply, or could not be measured."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from attnprobe.records import Finding, Scan
from attnprobe.report.page.attention import GROUPS_OPEN
from attnprobe.report.page.elements import Column, Table, rows_left_out
from attnprobe.report.page.findings.cards import Card, Surroundings, card
from attnprobe.report.page.findings.outcomes import RuleList, ignored_table, rule_lists
from attnprobe.report.parts import findings as of
from attnprobe.report.parts.catalogue import Text, Words, say, say_or
from attnprobe.report.parts.outcomes import is_judged, tally
from attnprobe.report.parts.quantities import count
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.parts.sites import site_groups

CARDS_SHOWN = 60
PLACES_OF_ONE, PLACES_LISTED = 500, 1500  # rows of one card, and of all
LISTED = 400  # one line each, beyond the cards
NOTICES_SHOWN = 20
CARDS_AT_A_GLANCE = 3  # so few need no filter

_FINGERPRINT = re.compile("[0-9a-f]{8,64}")


@dataclass(frozen=True, slots=True)
class Choice:
    """What a filter can be set to."""

    key: str
    label: Words


@dataclass(frozen=True, slots=True)
class Filter:
    """One property of a finding, of which a reader may choose a value."""

    name: str
    label: Text
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The section."""

    tally: Words
    notices: tuple[str, ...]
    filters: tuple[Filter, ...]  # those where there is something to choose
    has_filter: bool
    has_savings: bool  # which overlap, as a reader must be told
    cards: tuple[Card, ...]
    rest: Table | None
    lists: tuple[RuleList, ...]
    ignored: Table | None

    @property
    def is_empty(self) -> bool:
        """No rules were applied."""
        return not (self.tally or self.cards)


def findings(scan: Scan) -> Findings:
    """The section."""
    known = of.ordered(scan.findings)
    cards = tuple(_cards(scan, known[:CARDS_SHOWN]))
    present, judgement = {each.severity for each in cards}, scan.judgement
    severities: dict[str, Words] = {
        name: say(f"severity.{name}") for name in of.SEVERITIES if name in present
    }
    named = sorted({each.category for each in cards if each.category})
    categories = {name: say_or(f"category.{name}", safe(name)) for name in named}
    return Findings(
        tally=tally(scan) if is_judged(scan) else "",
        notices=tuple(safe(each, 500) for each in judgement.notices[:NOTICES_SHOWN]) if judgement else (),
        filters=(
            *_filter("severity", say("column.severity"), severities),
            *_filter("category", say("filter.category"), categories),
        ),
        has_filter=len(cards) > CARDS_AT_A_GLANCE,
        has_savings=sum(bool(finding.savings) for finding in known) > 1,
        cards=cards,
        rest=_rest(scan, known[CARDS_SHOWN:]),
        lists=rule_lists(scan),
        ignored=ignored_table(scan),
    )


def anchors(known: Iterable[Finding]) -> tuple[str, ...]:
    """ "f-3fa94c1b2e6d7a80" of each finding: its fingerprint, which no later scan changes."""
    made: dict[str, None] = {}
    for number, finding in enumerate(known, start=1):
        name = f"f-{finding.fingerprint}" if _FINGERPRINT.fullmatch(finding.fingerprint) else f"f-{number}"
        made[name if name not in made else f"{name}-{number}"] = None
    return tuple(made)


def _cards(scan: Scan, shown: tuple[Finding, ...]) -> Iterable[Card]:
    groups = {
        site.id: (f"group-{group.letter}", group.letter)
        for group in site_groups(scan)[:GROUPS_OPEN]
        for site in group.sites
    }
    around = Surroundings(groups, min(PLACES_OF_ONE, PLACES_LISTED // max(len(shown), 1)))
    return (card(scan, each, anchor, around) for each, anchor in zip(shown, anchors(shown), strict=True))


def _filter(name: str, label: Text, values: Mapping[str, Words]) -> tuple[Filter, ...]:
    choices = tuple(Choice(key, value) for key, value in values.items())
    return (Filter(name, label, choices),) if len(choices) > 1 else ()


def _rest(scan: Scan, further: tuple[Finding, ...]) -> Table | None:
    if not further:
        return None
    columns = (
        Column(say("column.rule"), "code"),
        Column(say("column.severity")),
        Column(say("column.what")),
        Column(say("column.where"), "code"),
        Column(say("fact.location"), "code"),
    )
    rows = tuple(_line(scan, finding) for finding in further[:LISTED])
    caption: Text = say("findings.rest", count=count(len(further)))
    return Table(caption=caption, columns=columns, rows=rows, note=rows_left_out(len(rows), len(further)))


def _line(scan: Scan, finding: Finding) -> tuple[Words, ...]:
    return (
        safe(finding.rule, 40),
        say(f"severity.{finding.severity}"),
        of.title(scan, finding),
        of.where(scan, finding),
        of.line(finding),
    )
