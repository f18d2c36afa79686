"""The first few findings, in three lines each, for the first screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from attnprobe.records import Finding, Scan
from attnprobe.report.page.findings.section import anchors
from attnprobe.report.parts import findings as of
from attnprobe.report.parts.catalogue import Text, Words, say
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.parts.savings import in_short, remedies


@dataclass(frozen=True, slots=True, kw_only=True)
class Teaser:
    """One finding in short."""

    anchor: str
    severity: str
    badge: Text
    rule: str
    title: Words
    where: Words
    line: str
    remedy: Words  # the first
    message: Words  # where there is no remedy
    saving: Words


def teasers(scan: Scan, shown: Sequence[Finding]) -> tuple[Teaser, ...]:
    """The findings in the order given, which is that of their cards."""
    return tuple(_teaser(scan, each, anchor) for each, anchor in zip(shown, anchors(shown), strict=True))


def _teaser(scan: Scan, finding: Finding, anchor: str) -> Teaser:
    first, best = next(iter(remedies(finding)), None), of.largest_saving(finding.savings)
    remedy = first.change if first and first.suggestion else ""
    return Teaser(
        anchor=anchor,
        severity=finding.severity,
        badge=say(f"severity.{finding.severity}"),
        rule=safe(finding.rule, 40),
        title=of.title(scan, finding),
        where=of.where(scan, finding),
        line=of.line(finding),
        remedy=remedy,
        message="" if remedy else of.message(finding),
        saving=in_short(scan, best) if best else "",
    )
