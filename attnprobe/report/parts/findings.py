"""Findings as every format tells them: their order, their words, where they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attnprobe.records import Finding, RuleCard, Saving, Scan, Severity
from attnprobe.report.parts.catalogue import Text, Words, join, say
from attnprobe.report.parts.quantities import count
from attnprobe.report.parts.safe_text import safe

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
PROSE = 2000  # characters of a rule's text that are shown


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Errors first; of one severity, what saves most of the model."""
    return tuple(sorted(findings, key=_place))


def _place(finding: Finding) -> tuple[int, float, str]:
    best = largest_saving(finding.savings)
    return (SEVERITIES.index(finding.severity), -best.of_model if best else 0.0, finding.rule)


def largest_saving(savings: Iterable[Saving]) -> Saving | None:
    """The one that saves most of the whole model; None where none saves anything."""
    return max((each for each in savings if each.amount > 0), key=lambda each: each.of_model, default=None)


def severities(findings: Iterable[Finding]) -> Text:
    """ "1 error, 2 warnings"."""
    found = [finding.severity for finding in findings]
    told = [say(f"count.{name}", count=found.count(name)) for name in SEVERITIES if name in found]
    return join(tuple(told))


def title(scan: Scan, finding: Finding) -> Words:
    """The rule's title, or its name where the scan has no card of it."""
    return card_title(scan.rules.get(finding.rule), finding.name)


def card_title(card: RuleCard | None, name: str) -> Words:
    """A rule's title, or its name in words."""
    otherwise = safe(card.name if card else name).replace("-", " ")
    return in_both(card.title, otherwise, 200) if card else otherwise


def message(finding: Finding) -> Words:
    """What was found, in a sentence."""
    return in_both(finding.messages, safe(finding.message, PROSE))


def in_both(texts: Mapping[str, str], otherwise: Words = "", limit: int = PROSE) -> Words:
    """A text of a rule. A language that it lacks is filled by English."""
    english = texts.get("en", "")
    if not english:
        return otherwise
    return Text(safe(english, limit), safe(texts.get("zh") or english, limit))


def where(scan: Scan, finding: Finding) -> Words:
    """ "24 of 24: h.{0..23}.attn", "h.3.attn", or the whole model."""
    if not finding.sites:
        return say("series.model")
    name = safe(finding.where or ", ".join(finding.sites[:4]), 160) or say("site.root")
    if len(scan.sites) < 2:
        return name
    return say("where.share", count=count(len(finding.sites)), all=count(len(scan.sites)), name=name)


def line(finding: Finding) -> str:
    """ "model.py:41", or nothing."""
    return safe(str(finding.location)) if finding.location else ""
