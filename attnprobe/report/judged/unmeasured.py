"""Rules that could not be judged, so that one cause is read once."""

from __future__ import annotations

import re

from attnprobe.records import RuleOutcome, Scan
from attnprobe.report.parts.catalogue import Text, both
from attnprobe.report.parts.outcomes import of_outcome, reason

# "largest_logit: " at the start of a reason, or behind a few words of Chinese
_METRIC = re.compile(r"(?:^|(?<=：))(?:model_)?(?P<name>[a-z][a-z0-9_]*)[:：]\s*(?=\S)")


def by_cause(scan: Scan) -> tuple[tuple[Text, tuple[RuleOutcome, ...]], ...]:
    """The rules by why they were not judged, whichever metric each of them misses; most rules first."""
    found: dict[str, tuple[Text, list[RuleOutcome]]] = {}
    for outcome in of_outcome(scan, "not_measured"):
        why = both(reason(outcome))
        cause = Text(_without_metric(scan, why.en), _without_metric(scan, why.zh))
        found.setdefault(cause.en, (cause, []))[1].append(outcome)
    ordered = sorted(found.values(), key=lambda item: -len(item[1]))
    return tuple((cause, tuple(own)) for cause, own in ordered)


def _without_metric(scan: Scan, reason: str) -> str:
    """ "a static scan runs nothing for real" of "largest_logit: a static scan runs nothing for real"."""
    named = _METRIC.search(reason)
    if named is None or named["name"] not in scan.metrics:
        return reason
    return reason[: named.start()] + reason[named.end() :]
