"""A finding as a few lines of plain text: for the logs and test reports of CI systems."""

from __future__ import annotations

from attnprobe.records import Finding, Scan
from attnprobe.report.judged.findings import place, remark, remedy
from attnprobe.report.judged.places import shown
from attnprobe.report.parts.catalogue import Words, both, join
from attnprobe.report.parts.findings import title
from attnprobe.report.parts.quantities import SPACE
from attnprobe.report.parts.safe_text import safe


def told(words: Words, language: str) -> str:
    """Words in a language, with a common blank between number and unit: logs are searched."""
    return both(words).pick(language).replace(SPACE, " ")


def heading(scan: Scan, finding: Finding) -> Words:
    """ "AP105 A mask value that is unsafe in the dtype"."""
    return join((safe(finding.rule, 40), title(scan, finding)), "list.space")


def sentence(finding: Finding) -> Words:
    """ "blocks.{0..23}.attn: the mask constant −1e9 overflows in float16"."""
    return join((place(finding), remark(finding)), "list.colon")


def lines(scan: Scan, finding: Finding, language: str) -> list[str]:
    """What was found, where, by which formula, and what helps."""
    helps = told(remedy(scan, finding), language)
    parts = (
        told(sentence(finding), language),
        shown(finding.location),
        safe(finding.formula, 500),
        f"→ {helps}" if helps else "",
    )
    return [line for line in parts if line]
