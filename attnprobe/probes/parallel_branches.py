"""How much each of several attentions side by side contributes to their sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from attnprobe.probes.graph_reading.flow import Flow
from attnprobe.probes.graph_reading.parallel import branches
from attnprobe.probes.graph_reading.results import Found, records, result
from attnprobe.records import Metric, Probe, ProbeResult, Subject

if TYPE_CHECKING:
    from attnprobe.observing.sums import Sums

_ALONE = "no other attention runs beside it"

METRICS = (
    Metric(
        name="parallel_branch_share",
        title="Share of one attention in what several side by side add",
        unit="1",
        level="site",
        exactness="exact",
        method="‖addend of the site‖ / Σ ‖addends of those beside it‖, each the root of the summed squares "
        "over real tokens; the addend is what enters the sum, behind projection and gate.",
        source="After the norms of Kobayashi et al. 2020, arXiv:2004.10102.",
        not_said="A small addend can still matter, when later layers read just that direction.",
        topic="heads",
        needs_data=True,
    ),
)


def _watch(subject: Subject) -> Any:
    from attnprobe.probes.wasted_work.branch_sizes import BranchSizeWatcher

    return BranchSizeWatcher({index for found in branches(Flow(subject.trace)) for index in found.sites})


def _run(subject: Subject) -> ProbeResult:
    sums: Sums = subject.watched["parallel_branches"].sums
    sites, metric = subject.trace.sites, METRICS[0].name
    groups = [found.sites for found in branches(Flow(subject.trace))]
    if not groups:
        return result(records(metric, {"": "no attentions run side by side"}))
    values: dict[str, Found] = {site.id: _ALONE for site in sites}
    for group in groups:
        shares = _shares(sums, group)
        values.update({sites[index].id: share for index, share in zip(group, shares, strict=True)})
    return result(records(metric, values))


def _shares(sums: Sums, group: Sequence[int]) -> list[Found]:
    found = [sums.get(index, "energy") for index in group]
    if any(energy is None for energy in found):
        return ["what it or one beside it adds could not be told"] * len(group)
    norms = [float(energy) ** 0.5 for energy in found if energy is not None]
    total = sum(norms)
    return [norm / total if total else "nothing is added by any of them" for norm in norms]


probe = Probe(name="parallel_branches", depth="measured", metrics=METRICS, run=_run, watch=_watch)
