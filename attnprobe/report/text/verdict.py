"""The whole text: verdict, findings, budgets, notices, what is not known, what changed, why it ended so."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from attnprobe.records import BudgetResult, Scan
from attnprobe.report.judged import budgets, verdict
from attnprobe.report.judged.unmeasured import by_cause
from attnprobe.report.parts.catalogue import Words, join, say
from attnprobe.report.parts.outcomes import of_outcome
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.summary.blocks import Voice
from attnprobe.report.text.comparison import comparison_lines
from attnprobe.report.text.findings import entry, finding_lines, ignored_lines

LINES_SHOWN = 8  # of any one list: the report holds the rest
RULES_NAMED = 6


def blocks_of(scan: Scan, voice: Voice) -> Iterator[RenderableType]:
    """Everything, one below the other."""
    yield _headline(scan, voice)
    yield from finding_lines(scan, voice)
    for budget in scan.budgets:
        if budget.is_met is not True:
            yield _budget(scan, voice, budget)
    yield from ignored_lines(scan, voice, LINES_SHOWN)
    yield from _notices(scan, voice)
    yield from _outcomes(scan, voice)
    if scan.comparison is not None:
        yield Text()
        yield from comparison_lines(scan, voice)
    yield Text()
    yield voice.text(join((verdict.reason(scan), *verdict.measured_how(scan)), "list.dot"))


def _headline(scan: Scan, voice: Voice) -> Text:
    passed = scan.judgement.passed if scan.judgement else None
    style = {True: "bold green", False: "bold red", None: "bold yellow"}[passed]
    return voice.text(verdict.word(scan), style).append("  ").append_text(voice.text(verdict.counts(scan)))


def _budget(scan: Scan, voice: Voice, budget: BudgetResult) -> RenderableType:
    mark = Text("! " if budgets.is_failing(budget) else "  ", "bold red")
    lines = [voice.text(budgets.state(scan, budget))]
    if budget.is_met is False:
        lines.append(voice.text(budgets.remedy(budget), "dim"))
    return entry(voice, mark.append_text(voice.text(say("gate.budget"))), lines)


def _notices(scan: Scan, voice: Voice) -> Iterator[RenderableType]:
    if scan.judgement is None:
        return
    lists = (("gate.notice", scan.judgement.notices), ("gate.stale_word", scan.judgement.stale))
    for key, texts in lists:
        lines = [voice.text(safe(each, 300)) for each in texts[:LINES_SHOWN]]
        more = len(texts) - LINES_SHOWN
        lines += [voice.text(say("gate.rest", count=more), "dim")] if more > 0 else []
        if lines and key == "gate.stale_word":
            lines.append(voice.text(say("gate.prune"), "dim"))
        if lines:
            yield entry(voice, voice.text(say(key), "dim"), lines)


def _outcomes(scan: Scan, voice: Voice) -> Iterator[RenderableType]:
    """Rules that could not be judged, by reason; the rest is counted."""
    lines = []
    for why, outcomes in by_cause(scan)[:LINES_SHOWN]:
        rules: Words = join(tuple(safe(each.rule, 40) for each in outcomes[:RULES_NAMED]))
        more = len(outcomes) - RULES_NAMED
        rules = say("list.and_more", names=rules, count=str(more)) if more > 0 else rules
        lines.append(voice.text(join((rules, why), "list.colon"), "dim"))
    if lines:
        yield entry(voice, voice.text(say("gate.not_measured_word"), "dim"), lines)
    counts = (
        ("tally.passed", len(of_outcome(scan, "passed"))),
        ("tally.not_applicable", len(of_outcome(scan, "not_applicable"))),
    )
    told = [say(key, count=number) for key, number in counts if number]
    met = sum(budget.is_met is True for budget in scan.budgets)
    told += [say("gate.budgets_met", count=met)] if met else []
    if told:
        yield entry(voice, voice.text(say("gate.fine"), "dim"), [voice.text(join(tuple(told)), "dim")])
