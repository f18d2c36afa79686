"""What could not be seen or measured, gathered so that one reason is read once."""

from __future__ import annotations

import re
from dataclasses import dataclass

from attnprobe.records import NotMeasured, Scan


@dataclass(frozen=True, slots=True)
class Gap:
    """All numbers that are missing for one reason."""

    reason: str
    metrics: tuple[str, ...]
    sites: tuple[str, ...]  # empty: the whole model


def gaps(scan: Scan) -> tuple[Gap, ...]:
    """The missing numbers by reason, the widest first. A site's own name in a reason does not split them."""
    found: dict[str, list[NotMeasured]] = {}
    for missing in scan.not_measured:
        found.setdefault(_general(missing), []).append(missing)
    gathered = [_gap(reason, members) for reason, members in found.items()]
    return tuple(sorted(gathered, key=lambda gap: (-len(gap.metrics) * max(len(gap.sites), 1), gap.reason)))


def _general(missing: NotMeasured) -> str:
    if not missing.site or missing.site not in missing.reason:
        return missing.reason
    return re.sub(rf"(?<![\w.-]){re.escape(missing.site)}(?![\w.-])", "…", missing.reason)


def _gap(reason: str, members: list[NotMeasured]) -> Gap:
    metrics = tuple(sorted({missing.metric for missing in members}))
    sites = tuple(dict.fromkeys(missing.site for missing in members if missing.site))
    return Gap(reason, metrics, sites)
