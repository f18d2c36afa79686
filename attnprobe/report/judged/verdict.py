"""The verdict of a check in words, and which of its numbers could fail it."""

from __future__ import annotations

from collections.abc import Iterable

from attnprobe.records import Scan
from attnprobe.report.judged import budgets
from attnprobe.report.judged.findings import is_failing, news
from attnprobe.report.judged.places import shown_origin
from attnprobe.report.parts.catalogue import Text, Words, join, say
from attnprobe.report.parts.findings import severities
from attnprobe.report.parts.names import metric_title
from attnprobe.report.parts.safe_text import safe

METRICS_SHOWN = 3


def word(scan: Scan) -> Text:
    """FAIL, PASS, or that nobody judged."""
    if scan.judgement is None:
        return say("gate.not_judged")
    return say("gate.pass" if scan.judgement.passed else "gate.fail")


def counts(scan: Scan) -> Text:
    """ "2 new, 1 worsened, 9 known (baseline …), 1 ignored": against a baseline, else by severity."""
    if scan.judgement is None and not scan.findings:
        return say("gate.not_judged_why")
    if scan.judgement is not None and scan.judgement.baseline:
        told = [say(f"gate.{state}", count=number) for state, number in news(scan.findings).items()]
        against = say("gate.baseline", baseline=_baseline(scan.judgement.baseline))
        told = [*(told or [say("tally.no_findings")])]
        told[-1] = join((told[-1], against), "list.space")
    else:
        told = [severities(scan.findings) if scan.findings else say("tally.no_findings")]
    told += [say("tally.ignored", count=len(scan.ignored))] if scan.ignored else []
    return join(tuple(told))


def blockers(scan: Scan) -> Text | None:
    """ "1 blocking finding, 1 budget"; None where nothing fails the check."""
    found = sum(is_failing(scan, each) for each in scan.findings)
    broken = sum(budgets.is_failing(each) for each in scan.budgets)
    told = [say("gate.blocking", count=found)] if found else []
    told += [say("gate.budgets", count=broken)] if broken else []
    return join(tuple(told)) if told else None


def reason(scan: Scan) -> Text:
    """ "exit 1: 2 blocking findings, 1 budget", "exit 0: nothing at or above error"."""
    if scan.judgement is None:
        return say("gate.not_judged_why")
    if scan.judgement.passed:
        return say("gate.exit_passed", level=say(f"gate.level.{scan.judgement.fail_on}"))
    return say(
        "gate.exit_failed", reasons=blockers(scan) or say("gate.stale", count=len(scan.judgement.stale))
    )


def measured_how(scan: Scan) -> tuple[Text, ...]:
    """Which of the numbers that this check told are exact, and which are not and so do not fail it."""
    told = [name for name in _told(scan) if name in scan.metrics]
    exact = [name for name in told if scan.metrics[name].exactness == "exact"]
    rest = [name for name in told if name not in exact]
    sentences = [say("gate.exact", metrics=_titles(scan, exact))] if exact else []
    if rest:
        kinds = join(tuple(say(f"gate.{kind}") for kind in sorted({scan.metrics[n].exactness for n in rest})))
        sentences.append(say("gate.inexact", metrics=_titles(scan, rest), kinds=kinds))
    return tuple(sentences)


def _told(scan: Scan) -> Iterable[str]:
    names = [budget.metric for budget in scan.budgets]
    names += [limit.metric for finding in scan.findings for limit in finding.limits]
    names += (
        [each.name for each in scan.comparison.changes if each.kind == "total"] if scan.comparison else []
    )
    return dict.fromkeys(names)


def _titles(scan: Scan, names: list[str]) -> Words:
    first = join(tuple(metric_title(scan, name) for name in names[:METRICS_SHOWN]), "list.semicolon")
    more = len(names) - METRICS_SHOWN
    return say("list.and_more", names=first, count=str(more)) if more > 0 else first


def _baseline(text: str) -> str:
    """ "attnprobe-baseline.json (2026-10-02)" without the folders of somebody's machine."""
    path, space, rest = text.partition(" ")
    return f"{shown_origin(path)}{space}{safe(rest, 60)}"
