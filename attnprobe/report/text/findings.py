"""What is new or worse, one finding in a few lines; what the baseline knows is only counted."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from attnprobe.records import Finding, Ignored, Limit, Scan
from attnprobe.report.judged.findings import place, remark, remedy, what_fails_first
from attnprobe.report.judged.places import shown, shown_origin
from attnprobe.report.parts.catalogue import Text as Phrase
from attnprobe.report.parts.catalogue import Words, both, join, say
from attnprobe.report.parts.evidence import evidence_shown, evidence_title, limit_shown
from attnprobe.report.parts.findings import title
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.summary.blocks import Voice

FINDINGS_SHOWN = 20
NUMBERS_SHOWN = 3
STYLES = {"error": "bold red", "warning": "bold yellow", "info": "cyan"}


def finding_lines(scan: Scan, voice: Voice) -> Iterator[RenderableType]:
    """The findings, what fails the check first."""
    has_baseline = bool(scan.judgement and scan.judgement.baseline)
    told = [each for each in what_fails_first(scan.findings) if not has_baseline or each.state != "known"]
    for finding in told[:FINDINGS_SHOWN]:
        yield entry(voice, _label(voice, finding, has_baseline), _body(scan, voice, finding))
    if len(told) > FINDINGS_SHOWN:
        more = say("term.more_findings", count=len(told) - FINDINGS_SHOWN)
        yield entry(voice, Text(), [voice.text(more, "dim")])


def ignored_lines(scan: Scan, voice: Voice, limit: int) -> Iterator[RenderableType]:
    """What somebody decided to live with, until when and why."""
    for each in scan.ignored[:limit]:
        yield entry(voice, voice.text(say("gate.ignored_word"), "dim"), [voice.text(_ignored(each), "dim")])


def entry(voice: Voice, label: Text, body: list[Text]) -> RenderableType:
    """A label, and lines beside it; below it where it is narrow."""
    from rich.padding import Padding

    if voice.is_narrow:
        head = [label] if label.plain else []
        return Group(*head, *(Padding(line, (0, 0, 0, 2)) for line in body))
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=LABEL_WIDTH, no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(Text("  ").append_text(label), Group(*body))
    return grid


LABEL_WIDTH = 20


def _label(voice: Voice, finding: Finding, has_baseline: bool) -> Text:
    """ "! new error": a mark on what fails the check, so that colour is not all that tells it."""
    mark = Text("! " if finding.is_blocking else "  ", "bold red")
    state = voice.text(say(f"state.{finding.state}")) if has_baseline else Text()
    level = voice.text(say(f"gate.level.{finding.severity}"), STYLES[finding.severity])
    gap = " " if has_baseline else ""
    return mark.append_text(state).append(gap).append_text(level)


def _body(scan: Scan, voice: Voice, finding: Finding) -> list[Text]:
    head = voice.text(f"{safe(finding.rule, 40)}  ", "bold").append_text(voice.text(place(finding)))
    head.append("  ").append_text(voice.text(title(scan, finding), "bold"))
    line = shown(finding.location)
    if line:
        head.append("  ").append_text(voice.text(line, "dim"))
    lines = [head, voice.text(remark(finding))]
    numbers, helps = _numbers(scan, finding), remedy(scan, finding)
    lines += [voice.text(numbers, "dim")] if numbers else []
    return lines + ([voice.text(join(("→", helps), "list.space"))] if both(helps).en else [])


def _numbers(scan: Scan, finding: Finding) -> Phrase | None:
    """ "Saved scores, of the activations 58 % > 20 %"; None where no number was held to a limit."""
    known = [limit for limit in finding.limits if _is_telling(scan, finding, limit)]
    told = tuple(_number(scan, finding, limit) for limit in known[:NUMBERS_SHOWN])
    return join(told, "list.semicolon") if told else None


def _is_telling(scan: Scan, finding: Finding, limit: Limit) -> bool:
    """Whether the number says more than the title: the answer to a question of yes or no does not."""
    metric, value = scan.metrics.get(limit.metric), finding.evidence.get(limit.metric)
    is_answer = limit.comparison == "==" and value in (0, 1) and not (metric and metric.labels)
    return value is not None and not is_answer


def _number(scan: Scan, finding: Finding, limit: Limit) -> Words:
    value = evidence_shown(scan, limit.metric, finding.evidence[limit.metric])
    # "causal = causal" would say nothing
    held = () if limit.comparison == "==" else (limit_shown(scan, limit),)
    return join((evidence_title(scan, limit.metric), value, *held), "list.space")


def _ignored(ignored: Ignored) -> Words:
    until = say("gate.until", day=safe(ignored.until, 20)) if ignored.until else say("ignored.for_ever")
    who = tuple(safe(each, 60) for each in (ignored.owner, shown_origin(ignored.origin)) if each)
    what = join((safe(ignored.finding.rule, 40), place(ignored.finding)), "list.space")
    return join((what, until, safe(ignored.reason, 200), *who), "list.dot")
