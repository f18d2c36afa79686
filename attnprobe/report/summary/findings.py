"""The findings in a few lines each: rule, where, title, line, number against limit, the first remedy."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from attnprobe.records import Finding, Limit, Scan
from attnprobe.report.parts import findings as of
from attnprobe.report.parts.catalogue import Words, join, say
from attnprobe.report.parts.evidence import evidence_shown, evidence_title, limit_shown
from attnprobe.report.parts.outcomes import tally
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.parts.savings import in_short, remedies
from attnprobe.report.summary.blocks import Voice

FINDINGS_SHOWN = 8  # the report holds the rest
NUMBERS_SHOWN = 2
INDENT = 10

_STYLES = {"error": "bold red", "warning": "bold yellow", "info": "cyan"}


def findings_block(scan: Scan, voice: Voice) -> RenderableType:
    """How many findings and outcomes, then the findings, the most severe first."""
    known = of.ordered(scan.findings)
    shown, more = known[:FINDINGS_SHOWN], len(known) - FINDINGS_SHOWN
    draw = _narrow if voice.is_narrow else _wide
    lines: list[RenderableType] = [voice.text(tally(scan), "bold")]
    for finding in shown:
        lines += [Text(), *draw(scan, voice, finding)]
    if more > 0:
        lines += [Text(), voice.text(say("term.more_findings", count=more), "dim")]
    lines += [Text()] if known else []
    if sum(bool(finding.savings) for finding in known) > 1:
        lines.append(voice.text(say("term.overlap"), "dim"))
    if known:
        lines.append(_next(voice, known[0]))
    return Group(*lines)


def _next(voice: Voice, first: Finding) -> Text:
    told = join((say("term.next"), f"attnprobe explain {safe(first.rule, 40)}"), "list.space")
    return voice.text(told)


def _wide(scan: Scan, voice: Voice, finding: Finding) -> list[RenderableType]:
    head = Table.grid(padding=(0, 2, 0, 0), expand=True)
    head.add_column(width=INDENT - 2, no_wrap=True)
    head.add_column(ratio=3, overflow="fold")
    head.add_column(ratio=2, overflow="fold", justify="right")
    title = voice.text(f"{safe(finding.rule, 40)}  ").append_text(voice.text(of.title(scan, finding), "bold"))
    head.add_row(_badge(voice, finding), title, voice.text(of.line(finding), "dim"))
    return [head, *(Padding(line, (0, 0, 0, INDENT)) for line in _body(scan, voice, finding))]


def _narrow(scan: Scan, voice: Voice, finding: Finding) -> list[RenderableType]:
    badge = _badge(voice, finding).append(f" {safe(finding.rule, 40)}", "not bold default")
    line = [voice.text(of.line(finding), "dim")] if finding.location else []
    body = (voice.text(of.title(scan, finding), "bold"), *line, *_body(scan, voice, finding))
    return [badge, *(Padding(each, (0, 0, 0, 2)) for each in body)]


def _badge(voice: Voice, finding: Finding) -> Text:
    return voice.text(say(f"severity.{finding.severity}"), _STYLES[finding.severity])


def _body(scan: Scan, voice: Voice, finding: Finding) -> list[RenderableType]:
    """Where, the number against its limit, the first remedy with what it would save."""
    lines: list[RenderableType] = [
        voice.text(of.where(scan, finding), "dim"),
        voice.text(_numbers(scan, finding)),
    ]
    first = next(iter(remedies(finding)), None)
    if first and first.suggestion:
        kind = say(f"replacement.{first.suggestion.exactness}")
        lines.append(voice.text(say("term.remedy", change=first.change, exactness=kind)))
    best = of.largest_saving(first.savings) if first else None
    if best:
        lines.append(Padding(voice.text(in_short(scan, best), "green"), (0, 0, 0, 2)))
    return lines


def _numbers(scan: Scan, finding: Finding) -> Words:
    """ "Saved scores, of the activations 58 % > 20 %"; the message of what is a state, not a number."""
    held = [each for each in finding.limits if finding.evidence.get(each.metric) is not None]
    if not held or held[0].comparison == "==":
        return of.message(finding)
    return join(tuple(_number(scan, finding, each) for each in held[:NUMBERS_SHOWN]), "list.semicolon")


def _number(scan: Scan, finding: Finding, limit: Limit) -> Words:
    value = evidence_shown(scan, limit.metric, finding.evidence[limit.metric])
    return join((evidence_title(scan, limit.metric), value, limit_shown(scan, limit)), "list.space")
