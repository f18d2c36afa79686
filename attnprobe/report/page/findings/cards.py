"""One finding: what, where, by which numbers, why it matters, what helps, how to live with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from attnprobe.records import Finding, RuleCard, Scan
from attnprobe.report.page.elements import Table
from attnprobe.report.page.findings.proof import Places, evidence_table, places
from attnprobe.report.page.findings.ways import Way, way
from attnprobe.report.parts import findings as of
from attnprobe.report.parts.catalogue import Text, Words, say
from attnprobe.report.parts.ignoring import Snippets, ignore_snippets
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.parts.savings import in_short, remedies

REFERENCES_SHOWN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One finding."""

    anchor: str
    severity: str
    category: str
    badge: Text
    rule: str
    title: Words
    where: Words
    line: str
    function: Words
    marks: tuple[Text, ...]  # blocking; new, known or worsened against a baseline
    saving: Words  # the largest, in short
    message: Words
    evidence: Table | None
    condition: str  # of the rule
    formula: str  # the condition with the numbers put in
    why: Words
    ways: tuple[Way, ...]
    how: Words
    wrong_when: Words
    references: tuple[str, ...]
    groups: tuple[tuple[str, str], ...]  # anchor and letter of the groups that it is about
    places: Places | None
    places_title: Text
    snippets: Snippets


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all cards of a page share."""

    groups: Mapping[str, tuple[str, str]]  # site -> anchor and letter of its group, where that has a row
    places: int  # that a card may list


def card(scan: Scan, finding: Finding, anchor: str, around: Surroundings) -> Card:
    """The card of a finding."""
    rule, best = scan.rules.get(finding.rule), of.largest_saving(finding.savings)
    own = dict.fromkeys(around.groups[site] for site in finding.sites if site in around.groups)
    return Card(
        anchor=anchor,
        severity=finding.severity,
        category=rule.category if rule else "",
        badge=say(f"severity.{finding.severity}"),
        rule=safe(finding.rule, 40),
        title=of.title(scan, finding),
        where=of.where(scan, finding),
        line=of.line(finding),
        function=_function(finding),
        marks=marks(scan, finding),
        saving=in_short(scan, best) if best else "",
        message=of.message(finding),
        evidence=evidence_table(scan, finding),
        condition=safe(rule.when, of.PROSE) if rule else "",
        formula=safe(finding.formula, of.PROSE),
        why=of.in_both(rule.why) if rule else "",
        ways=tuple(way(scan, remedy) for remedy in remedies(finding)),
        how=of.in_both(rule.how) if rule else "",
        wrong_when=of.in_both(rule.wrong_when) if rule else "",
        references=_references(rule),
        groups=tuple(own),
        places=places(scan, finding, around.places),
        places_title=say("finding.instances", count=len(finding.instances)),
        snippets=ignore_snippets(finding),
    )


def marks(scan: Scan, finding: Finding) -> tuple[Text, ...]:
    """Whether it fails the check, and how it stands against the baseline, where there is one."""
    told = [say("mark.blocking")] if finding.is_blocking else []
    if scan.judgement and scan.judgement.baseline:
        told.append(say(f"state.{finding.state}"))
    return tuple(told)


def _function(finding: Finding) -> Words:
    if not finding.location or not finding.location.function:
        return ""
    return say("fact.function", name=safe(finding.location.function))


def _references(rule: RuleCard | None) -> tuple[str, ...]:
    return tuple(safe(each, 500) for each in rule.references[:REFERENCES_SHOWN]) if rule else ()
