"""What a rule held against its limits: metrics, and what is known of a site without measuring."""

from __future__ import annotations

from attnprobe.records import Limit, Number, Scan
from attnprobe.report.parts.catalogue import Words, say, say_or
from attnprobe.report.parts.names import metric_title, shown
from attnprobe.report.parts.quantities import UNKNOWN
from attnprobe.report.parts.safe_text import safe

Value = Number | str | bool | None

_TOTAL = "model_"  # before a site's metric: its total over the model
_SIGNS = {"<": "<", "<=": "≤", ">": ">", ">=": "≥", "==": "=", "!=": "≠"}


def evidence_title(scan: Scan, name: str) -> Words:
    """ "Queries", "The core's share of the FLOPs", "FLOPs, forward (whole model)"."""
    if name not in scan.metrics and name.startswith(_TOTAL):
        return say("evidence.total", what=evidence_title(scan, name.removeprefix(_TOTAL)))
    return metric_title(scan, name) if name in scan.metrics else say_or(f"subject.{name}", safe(name))


def evidence_shown(scan: Scan, name: str, value: Value) -> Words:
    """The value, rounded and with its unit."""
    if isinstance(value, bool):
        return say("answer.yes" if value else "answer.no")
    if isinstance(value, str):
        return safe(value)
    if name not in scan.metrics and name.startswith(_TOTAL):
        name = name.removeprefix(_TOTAL)
    return shown(scan, name, value) if value is not None else UNKNOWN


def limit_shown(scan: Scan, limit: Limit) -> Words:
    """ "> 25 %": the state that the rule finds."""
    value = evidence_shown(scan, limit.metric, limit.limit)
    return say("evidence.limit", sign=_SIGNS.get(limit.comparison, safe(limit.comparison)), value=value)
