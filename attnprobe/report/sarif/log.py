"""The whole file: one run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from attnprobe.finite_numbers import without_non_finite
from attnprobe.records import Scan
from attnprobe.report.judged.target import slug
from attnprobe.report.parts.catalogue import Words, check_language, say
from attnprobe.report.parts.outcomes import of_outcome, reason
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.sarif.locations import ROOT
from attnprobe.report.sarif.messages import JsonObject, message
from attnprobe.report.sarif.results import RESULTS_SHOWN, left_out, results
from attnprobe.report.sarif.rules import Place, places, tool

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif_text(scan: Scan, language: str) -> str:
    """The file's text: plain ASCII, no number that is not finite."""
    log = sarif_log(without_non_finite(scan), check_language(language))
    return json.dumps(log, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def sarif_log(scan: Scan, language: str) -> JsonObject:
    """The file as plain data."""
    rules = places(scan)
    run = {
        "tool": tool(scan, language),
        "language": language,
        "columnKind": "unicodeCodePoints",
        "automationDetails": {"id": f"attnprobe/{slug(scan)}/"},
        "originalUriBaseIds": {ROOT: {"description": message(say("gate.root"), language)}},
        "invocations": [_invocation(scan, rules, language)],
        "results": results(scan, rules, language),
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _invocation(scan: Scan, rules: Mapping[str, Place], language: str) -> JsonObject:
    """It ran to its end; which of the rules could not be judged, and what the settings had to say."""
    made: JsonObject = {"executionSuccessful": True}
    if scan.judgement is not None:
        made["exitCode"] = 0 if scan.judgement.passed else 1
    noted = list(_unmeasured(scan, rules, language)) + list(_cut(scan, language))
    told = scan.judgement.notices if scan.judgement else ()
    settings = [_notification(safe(each, 1000), "note", language) for each in told]
    made |= {"toolExecutionNotifications": noted} if noted else {}
    return made | ({"toolConfigurationNotifications": settings} if settings else {})


def _unmeasured(scan: Scan, rules: Mapping[str, Place], language: str) -> Iterator[JsonObject]:
    for outcome in of_outcome(scan, "not_measured"):
        text = say("gate.not_measured", rule=safe(outcome.rule, 40), reason=reason(outcome))
        yield _notification(text, "note", language) | _associated(outcome.rule, rules.get(outcome.rule))


def _associated(rule: str, known: Place | None) -> JsonObject:
    if known is None:
        return {}
    reference: JsonObject = {"id": safe(rule, 255), "index": known.index}
    if known.extension is not None:
        reference["toolComponent"] = {"index": known.extension}
    return {"associatedRule": reference}


def _cut(scan: Scan, language: str) -> Iterator[JsonObject]:
    if left_out(scan):
        text = say("gate.results_cut", shown=str(RESULTS_SHOWN), count=left_out(scan))
        yield _notification(text, "warning", language)


def _notification(words: Words, level: str, language: str) -> JsonObject:
    return {"level": level, "message": message(words, language)}
