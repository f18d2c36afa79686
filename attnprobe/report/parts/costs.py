"""The cost shares of a scan in a fixed order: metrics as a reader asks for them, attention first."""

from __future__ import annotations

from collections.abc import Mapping

from attnprobe.records import CostShare, Scan
from attnprobe.report.parts.order import metric_place, part_place


def by_metric(scan: Scan) -> Mapping[str, tuple[CostShare, ...]]:
    """The shares of each metric; parts that cost nothing are left out."""
    names = sorted({share.metric for share in scan.cost_shares}, key=metric_place)
    found = {}
    for name in names:
        shares = [share for share in scan.cost_shares if share.metric == name and share.value > 0]
        if shares:
            found[name] = tuple(sorted(shares, key=lambda share: part_place(share.part)))
    return found


def attention_share(scan: Scan, metric: str) -> float | None:
    """Attention's part of the model's cost, where the scan knows it."""
    fitting = [each for each in scan.cost_shares if each.metric == metric]
    if not fitting:
        return None
    return sum(each.share for each in fitting if each.part == "attention")
