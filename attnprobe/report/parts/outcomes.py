"""What came of the rules, as every format counts it."""

from __future__ import annotations

from collections.abc import Sequence

from attnprobe.records import Outcome, RuleOutcome, Scan
from attnprobe.report.parts.catalogue import Text, Words, both, join, say
from attnprobe.report.parts.findings import in_both, severities
from attnprobe.report.parts.quantities import count
from attnprobe.report.parts.safe_text import safe

REASONS_TOLD, LONGEST_TOLD = 2, 60


def is_judged(scan: Scan) -> bool:
    """Whether rules were applied to the scan."""
    return bool(scan.outcomes) or scan.judgement is not None


def of_outcome(scan: Scan, outcome: Outcome) -> tuple[RuleOutcome, ...]:
    """The rules of which this came, by id."""
    return tuple(
        sorted((each for each in scan.outcomes if each.outcome == outcome), key=lambda each: each.rule)
    )


def reason(outcome: RuleOutcome) -> Words:
    """Why a rule had nothing to say."""
    return in_both(outcome.reasons, safe(outcome.reason, 1000) or say("reason.unknown"), 1000)


def by_reason(outcomes: Sequence[RuleOutcome]) -> tuple[tuple[Words, tuple[RuleOutcome, ...]], ...]:
    """The rules by why they had nothing to say; the reason of most rules first."""
    found: dict[Words, list[RuleOutcome]] = {}
    for outcome in outcomes:
        found.setdefault(reason(outcome), []).append(outcome)
    return tuple((why, tuple(own)) for why, own in sorted(found.items(), key=lambda item: -len(item[1])))


def findings_told(scan: Scan) -> Text:
    """ "3 findings (1 error, 2 warnings)", "No findings"."""
    if not scan.findings:
        return say("tally.no_findings")
    found = say("tally.findings", count=count(len(scan.findings)))
    return say("tally.with_severities", findings=found, severities=severities(scan.findings))


def tally(scan: Scan) -> Text:
    """ "3 findings (1 error, 2 warnings), 31 rules passed, 4 not measured (…), 3 not applicable"."""
    missing = of_outcome(scan, "not_measured")
    counts = (
        ("tally.passed", len(of_outcome(scan, "passed"))),
        ("tally.not_measured", len(missing)),
        ("tally.not_applicable", len(of_outcome(scan, "not_applicable"))),
        ("tally.ignored", len(scan.ignored)),
    )
    told: list[Words] = [findings_told(scan)]
    for key, number in counts:
        if number:
            text = say(key, count=number)
            told.append(_with_reasons(text, missing) if key == "tally.not_measured" else text)
    return join(tuple(told), "list.clause")


def _with_reasons(text: Text, missing: Sequence[RuleOutcome]) -> Text:
    """The commonest reasons, where they are short enough for a line and hold for half of the rules."""
    grouped = [(why, own) for why, own in by_reason(missing) if len(both(why).en) <= LONGEST_TOLD]
    told = grouped[:REASONS_TOLD]
    if not told or 2 * sum(len(own) for _, own in told) < len(missing):
        return text
    reasons = join(tuple(why for why, _ in told), "list.semicolon")
    return say("tally.with_reasons", text=text, reasons=reasons)
