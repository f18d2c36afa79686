"""Rules and budgets as test cases: a case fails exactly when it fails the check."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import get_args

from junitparser import Failure, JUnitXml, Skipped, TestCase, TestSuite

from attnprobe.records import BudgetResult, Category, RuleOutcome, Scan
from attnprobe.report.judged import budgets
from attnprobe.report.judged.findings import is_failing, what_fails_first
from attnprobe.report.judged.plain import heading, lines, told
from attnprobe.report.judged.target import slug
from attnprobe.report.parts.catalogue import check_language, join, say
from attnprobe.report.parts.names import metric_title
from attnprobe.report.parts.outcomes import reason
from attnprobe.report.parts.quantities import count
from attnprobe.report.parts.safe_text import safe

CORE = "core"
FINDINGS_TOLD = 50  # of one rule


@dataclass(slots=True)
class _Case:
    """One test case before it is XML."""

    suite: str
    name: str
    failures: list[str] = field(default_factory=list)  # what failed it, one text each
    title: str = ""  # of the failure
    skipped: str = ""
    output: str = ""


def junit_xml(scan: Scan, language: str) -> bytes:
    """The file: one suite per category (of another pack: one of its own), one more for the budgets."""
    check_language(language)
    suites: dict[str, TestSuite] = {}
    for case in (*_rules(scan, language), *_budgets(scan, language)):
        suites.setdefault(case.suite, TestSuite(case.suite)).add_testcase(_made(case))
    document = JUnitXml("attnprobe")
    for suite in suites.values():
        suite.add_property("target", slug(scan))
        document.add_testsuite(suite)
    out = BytesIO()
    document.write(out, pretty=True)
    return out.getvalue()


def _made(case: _Case) -> TestCase:
    made = TestCase(case.name, classname=case.suite)
    if case.failures:
        failure = Failure(case.title, "finding")
        failure.text = "\n\n".join(case.failures)
        made.result = [failure]
    elif case.skipped:
        made.result = [Skipped(case.skipped)]
    if case.output:
        made.system_out = case.output
    return made


def _rules(scan: Scan, language: str) -> Iterator[_Case]:
    places = {name: place for place, name in enumerate(get_args(Category))}
    known = {outcome.rule: outcome for outcome in scan.outcomes}
    fired = {finding.rule for finding in scan.findings}
    for rule in sorted(known.keys() | fired, key=lambda rule: (_place(scan, rule, places), rule)):
        yield _rule(scan, rule, known.get(rule), language)


def _place(scan: Scan, rule: str, places: dict[str, int]) -> tuple[bool, int]:
    card = scan.rules.get(rule)
    return (card is None or card.pack != CORE, places.get(card.category, 0) if card else len(places))


def _suite(scan: Scan, rule: str) -> str:
    card = scan.rules.get(rule)
    if card is None:
        return "attnprobe"
    return f"attnprobe.{card.category if card.pack == CORE else safe(card.pack, 100)}"


def _rule(scan: Scan, rule: str, outcome: RuleOutcome | None, language: str) -> _Case:
    card = scan.rules.get(rule)
    case = _Case(_suite(scan, rule), f"{safe(rule, 40)} {safe(card.name, 120) if card else ''}".strip())
    output: list[str] = []
    found = [each for each in what_fails_first(scan.findings) if each.rule == rule]
    for finding in found[:FINDINGS_TOLD]:
        text = "\n".join(lines(scan, finding, language))
        if is_failing(scan, finding):
            case.failures.append(text)
            case.title = told(heading(scan, finding), language)
        else:
            output.append(f"{told(say(f'gate.level.{finding.severity}'), language)}: {text}")
    ignored = sum(each.finding.rule == rule for each in scan.ignored)
    output += [told(say("gate.passed_as_ignored", count=ignored), language)] if ignored else []
    if outcome is not None:
        output += _partly(outcome, language)
        case.skipped = "" if found else _why_skipped(outcome, language)
    case.output = "\n\n".join(output)
    return case


def _why_skipped(outcome: RuleOutcome, language: str) -> str:
    keys = {"not_measured": "gate.not_measured_here", "not_applicable": "gate.not_applicable"}
    key = keys.get(outcome.outcome)
    return told(say(key, reason=reason(outcome)), language) if key else ""


def _partly(outcome: RuleOutcome, language: str) -> list[str]:
    """Where it could not be measured although it could elsewhere."""
    if not outcome.partly:
        return []
    share = say("rules.partly", part=count(outcome.partly), all=count(outcome.subjects))
    return [told(join((share, reason(outcome)), "list.colon"), language)]


def _budgets(scan: Scan, language: str) -> Iterator[_Case]:
    for budget in scan.budgets:
        yield _budget(scan, budget, language)


def _budget(scan: Scan, budget: BudgetResult, language: str) -> _Case:
    state = told(budgets.state(scan, budget), language)
    case = _Case("attnprobe.budgets", f"{safe(budget.metric, 120)} {safe(budget.text, 60)}")
    if budgets.is_failing(budget):
        case.title = told(metric_title(scan, budget.metric), language)
        case.failures.append(f"{state}\n{told(budgets.remedy(budget), language)}")
    elif budget.is_met is None:
        case.skipped = state
    else:
        case.output = state
    return case
