"""Findings as a check tells them: what fails it first, each in a line or two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attnprobe.records import Finding, Scan
from attnprobe.report.parts.catalogue import Text, Words, both, join, say
from attnprobe.report.parts.findings import SEVERITIES, message
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.parts.savings import in_short, remedies

NEWS = ("new", "worsened", "known")  # of a finding against the baseline
HEADS_SHOWN = 8


def what_fails_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """What fails the check, then errors before hints; of these what the baseline does not know."""
    return tuple(sorted(findings, key=_place))


def _place(finding: Finding) -> tuple[bool, int, int, str, str]:
    severity, news = SEVERITIES.index(finding.severity), NEWS.index(finding.state)
    return (not finding.is_blocking, severity, news, finding.rule, finding.where)


def is_failing(scan: Scan, finding: Finding) -> bool:
    """Whether it fails the check; of a scan that was not judged, whether it is an error."""
    return finding.is_blocking if scan.judgement else finding.severity == "error"


def news(findings: Iterable[Finding]) -> Mapping[str, int]:
    """How many are new, worsened and known; those that none is are left out."""
    states = [finding.state for finding in findings]
    return {state: states.count(state) for state in NEWS if state in states}


def place(finding: Finding) -> Words:
    """ "blocks.{0..23}.attn", "blocks.7.attn, heads 2, 5", or the whole model."""
    if not finding.sites:
        return say("series.model")
    name = safe(finding.where or finding.sites[0], 120) or say("site.root")
    if not finding.heads:
        return name
    key = "where.head" if len(finding.heads) == 1 else "where.pair"
    return say(key, site=name, heads=", ".join(map(str, finding.heads[:HEADS_SHOWN])))


def remark(finding: Finding) -> Text:
    """What was found, without the name of the place at its start: for where that stands beside it."""
    said = both(message(finding))
    for name in _own_names(finding):
        said = Text(_without(said.en, name), _without(said.zh, name))
    return said


def _own_names(finding: Finding) -> tuple[str, ...]:
    """What a message may name first: the place, or one site of a group in which all are alike."""
    kinds = [(each.evidence, each.heads) for each in finding.instances]
    is_alike = len(finding.sites) == 1 or all(kind == kinds[0] for kind in kinds)
    one = [*finding.sites[:1], *(each.site for each in finding.instances[:1])] if is_alike else []
    return tuple(dict.fromkeys(safe(name, 120) for name in (finding.where, *one) if name))


def remedy(scan: Scan, finding: Finding) -> Words:
    """The first way to help, how safe it is, and what it would save of the model; "" where there is none."""
    first = next((each for each in remedies(finding) if each.suggestion), None)
    if first is None or first.suggestion is None:
        return ""
    told = say("gate.remedy", change=first.change, exactness=say(f"replacement.{first.suggestion.exactness}"))
    savings = tuple(in_short(scan, saving) for saving in first.savings[:2])
    return join((told, *savings), "list.dot")


def _without(text: str, name: str) -> str:
    for colon in (":", "："):
        if text.startswith(name + colon):
            return text.removeprefix(name + colon).strip()
    return text
