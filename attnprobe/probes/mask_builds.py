"""The same mask, built anew inside of several attentions."""

from __future__ import annotations

from collections import defaultdict

from attnprobe.probes.graph_reading.flow import Flow
from attnprobe.probes.graph_reading.masks import builders, masks, recipe, users_mask
from attnprobe.probes.graph_reading.results import Found, records, result
from attnprobe.records import Core, Measurement, Metric, Probe, ProbeResult, Subject

METRICS = (
    Metric(
        name="mask_builds",
        title="Times that an equal mask is built in one forward",
        unit="1",
        level="site",
        exactness="exact",
        method="Attentions whose mask comes from ops of its own that do the same with the same numbers and "
        "give a mask of the same shape, dtype and pattern; 0 for one whose mask is not built by ops, or "
        "shared. The model has the largest of its sites.",
        not_said="What it costs: as many elements as the mask has, each time and for each op.",
        topic="structure",
    ),
)


def _run(subject: Subject) -> ProbeResult:
    trace = subject.trace
    flow = Flow(trace)
    same: dict[object, dict[frozenset[int], list[str]]] = defaultdict(lambda: defaultdict(list))
    for site, core in zip(trace.sites, trace.cores, strict=True):
        for key, ops in _built(flow, core).items():
            same[key][ops].append(site.id)
    values: dict[str, Found] = {site.id: 0 for site in trace.sites}
    for by_ops in same.values():
        for names in by_ops.values():
            for name in names:
                values[name] = max(int(values[name]), len(by_ops))
    largest = max(map(int, values.values()), default=0)
    return result(
        [*records("mask_builds", values), Measurement(metric="mask_builds", site="", value=largest)]
    )


def _built(flow: Flow, core: Core) -> dict[object, frozenset[int]]:
    """What identifies each mask of a core that its own ops build, and these ops."""
    found: dict[object, frozenset[int]] = {}
    for mask in masks(flow, core):
        tensor = users_mask(flow, mask)
        ops = builders(flow, tensor)
        if ops:
            stored = flow.tensor(tensor)
            key = (stored.shape, stored.dtype, mask.summary, recipe(ops))
            found[key] = frozenset(op.index for op in ops)
    return found


probe = Probe(name="mask_builds", depth="static", metrics=METRICS, run=_run)
