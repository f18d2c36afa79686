"""Findings as results, those that somebody decided to live with as suppressed ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attnprobe.records import Finding, Ignored, Scan
from attnprobe.report.judged.findings import place, remark, remedy, what_fails_first
from attnprobe.report.judged.places import place_of_origin
from attnprobe.report.parts.catalogue import Words, both, join
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.sarif.locations import locations, physical, related
from attnprobe.report.sarif.messages import JsonObject, message
from attnprobe.report.sarif.rules import LEVELS, Place

RESULTS_SHOWN = 5000  # what GitHub takes of a run

_BASELINE_STATES = {"new": "new", "known": "unchanged", "worsened": "updated"}


def results(scan: Scan, rules: Mapping[str, Place], language: str) -> list[JsonObject]:
    """The first findings, what fails the check before the rest; then the ignored ones."""
    open_ones = [
        _result(scan, each, rules, language) | {"suppressions": []}
        for each in what_fails_first(scan.findings)[:RESULTS_SHOWN]
    ]
    left = RESULTS_SHOWN - len(open_ones)
    ignored = [
        _result(scan, each.finding, rules, language) | {"suppressions": [_suppression(each)]}
        for each in scan.ignored[:left]
    ]
    return open_ones + ignored


def left_out(scan: Scan) -> int:
    """How many results the limit leaves out."""
    return max(0, len(scan.findings) + len(scan.ignored) - RESULTS_SHOWN)


def _result(scan: Scan, finding: Finding, rules: Mapping[str, Place], language: str) -> JsonObject:
    made: JsonObject = {
        "ruleId": safe(finding.rule, 255) or "–",
        **_rule(rules.get(finding.rule)),
        "level": LEVELS[finding.severity],
        "message": message(_sentence(scan, finding), language),
        "locations": locations(scan, finding),
        "partialFingerprints": {
            "primaryLocationLineHash": f"{safe(finding.fingerprint, 64)}:1",
            "attnprobe/v1": safe(finding.fingerprint, 64),
        },
        "properties": _properties(finding),
    }
    nearby = related(finding, language)
    made |= {"relatedLocations": nearby} if nearby else {}
    if scan.judgement is not None and scan.judgement.baseline:
        made["baselineState"] = _BASELINE_STATES[finding.state]
    return made


def _rule(known: Place | None) -> JsonObject:
    """The index of the rule: in the driver, or in the extension that brought it."""
    if known is None:
        return {}
    if known.extension is None:
        return {"ruleIndex": known.index}
    return {"rule": {"index": known.index, "toolComponent": {"index": known.extension}}}


def _sentence(scan: Scan, finding: Finding) -> Words:
    told = join((place(finding), remark(finding)), "list.colon")
    help_ = remedy(scan, finding)
    return join((told, help_), "list.arrow") if both(help_).en else told


def _suppression(ignored: Ignored) -> JsonObject:
    origin = place_of_origin(ignored.origin)
    is_in_code = origin is not None and origin.file.endswith(".py")
    made: JsonObject = {
        "kind": "inSource" if is_in_code else "external",
        "status": "accepted",
        "justification": safe(ignored.reason, 1000),
        "properties": dict(_given(until=ignored.until, owner=ignored.owner)),
    }
    return made | ({"location": physical(origin)} if origin else {})


def _properties(finding: Finding) -> JsonObject:
    """What other programs may want of it. Property bags hold no messages: names stand as they are."""
    return {
        "blocking": finding.is_blocking,
        "where": safe(finding.where, 1000),
        "instances": len(finding.instances),
        "formula": safe(finding.formula, 1000),
        "evidence": {
            safe(name, 200): safe(value) if isinstance(value, str) else value
            for name, value in sorted(finding.evidence.items())
        },
        "savings": [
            {
                "remedy": safe(saving.remedy, 200),
                "metric": safe(saving.metric, 200),
                "amount": saving.amount,
                "ofModel": saving.of_model,
                "status": saving.status,
                "formula": safe(saving.formula, 500),
            }
            for saving in finding.savings
        ],
    }


def _given(**texts: str) -> Iterator[tuple[str, str]]:
    return ((name, safe(text)) for name, text in texts.items() if text)
