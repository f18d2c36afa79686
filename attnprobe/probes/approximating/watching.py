"""What the watchers of approximations have in common, and how their sums become a result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
from torch import Tensor

from attnprobe.observing.calls import AttentionCall, RowBlock
from attnprobe.observing.sums import Sums
from attnprobe.observing.watcher import Watcher
from attnprobe.probes.approximating.query_rows import QueryRows, rows_of
from attnprobe.records import Measurement, Metric, NotMeasured, ProbeResult, Subject

Found = Mapping[str, Tensor | str]  # metric -> [H], NaN where a head has no such number; or why it has none
_UNSEEN = "the instrumented run did not come past it"


class ApproximationWatcher(Watcher):
    """Shows the rows of every map that has what an approximation needs, and notes why others have not."""

    wants: ClassVar[frozenset[str]] = frozenset({"rows"})
    needs_values: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.reasons: dict[int, str] = {}  # site -> why it is not measured

    def attention(self, call: AttentionCall) -> None:
        """See `Watcher.attention`."""
        reason = call.missing or ("" if call.map is not None else "it has no map of queries and keys")
        if not reason and self.needs_values and call.value is None:
            reason = "how its values lie in memory could not be told"
        reason = reason or self.unsuited(call)
        if reason:
            self.reasons.setdefault(call.index, reason)

    def rows(self, call: AttentionCall, block: RowBlock) -> None:
        """See `Watcher.rows`."""
        assert call.map is not None
        if call.index in self.reasons:
            return
        if not call.map.is_softmax and bool((block.probabilities < 0).any()):
            self.reasons[call.index] = "some of its weights are negative, so they are no shares"
            return
        self.look(call, rows_of(call, block), block)

    def unsuited(self, call: AttentionCall) -> str:
        """Why a site with a map is not measured all the same; "" if it is."""
        return ""

    def look(self, call: AttentionCall, rows: QueryRows, block: RowBlock) -> None:
        """One block of sampled queries."""

    def merge(self, other: Watcher) -> None:
        """See `Watcher.merge`."""
        super().merge(other)
        if isinstance(other, ApproximationWatcher):
            self.reasons = {**other.reasons, **self.reasons}


def result_of(
    subject: Subject,
    probe: str,
    metrics: tuple[Metric, ...],
    numbers: Callable[[Sums, int], Found | None],
    *,
    nothing: str = "its output is zero, or no query sees a key",
) -> ProbeResult:
    """Measurements of every site, a number per head and their mean.

    Args:
        subject: With the probe's watcher, after the run.
        probe: Its name.
        metrics: All that the probe has.
        numbers: From a site's sums to its metrics; None when it has none.
        nothing: Why a metric may have no number at any head.
    """
    watcher: ApproximationWatcher = subject.watched[probe]
    measured: list[Measurement] = []
    missing: list[NotMeasured] = []
    for index, site in enumerate(subject.trace.sites):
        reason = watcher.reasons.get(index, "")
        found = None if reason else numbers(watcher.sums, index)
        for metric in metrics:
            values = reason or _UNSEEN if found is None else found[metric.name]
            if not isinstance(values, str) and bool(values.isnan().all()):
                values = nothing
            if isinstance(values, str):
                missing.append(NotMeasured(metric=metric.name, site=site.id, reason=values))
            else:
                measured.append(_measurement(metric.name, site.id, values))
    return ProbeResult(measurements=tuple(measured), not_measured=tuple(missing))


def _measurement(metric: str, site: str, values: Tensor) -> Measurement:
    known = values[~values.isnan()]
    per_head = tuple(None if value != value else value for value in values.tolist())
    return Measurement(metric=metric, site=site, value=float(known.mean()), per_head=per_head)


def ratio(over: Tensor, under: Tensor) -> Tensor:
    """NaN where there is nothing to divide by."""
    return torch.where(under > 0, over / under, torch.nan)


def relative_error(sums: Sums, site: int, error: str, energy: str = "energy") -> Tensor:
    """√(Σ‖A_X V - A V‖² / Σ‖A V‖²) per head; NaN for a head without output."""
    over, under = total(sums, site, error), total(sums, site, energy)
    return ratio(over, under).sqrt()


def total(sums: Sums, site: int, name: str) -> Tensor:
    """A sum that is known to be there."""
    found = sums.get(site, name)
    assert found is not None
    return found
