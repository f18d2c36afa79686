"""Attentions that run side by side, and whether anything weighs them against each other."""

from __future__ import annotations

from attnprobe.probes.graph_reading.flow import Flow
from attnprobe.probes.graph_reading.parallel import branches
from attnprobe.probes.graph_reading.results import Found, records, result
from attnprobe.records import Metric, Probe, ProbeResult, Subject

METRICS = (
    Metric(
        name="parallel_attentions",
        title="Attentions that read the same hidden states and whose outputs are added",
        unit="1",
        level="site",
        exactness="exact",
        method="The site and those whose queries are projected from the same tensor and whose outputs meet "
        "its own in a sum, behind projections, gates and normalisations; 1 for a site that stands alone.",
        not_said="Attentions whose outputs are concatenated: a projection behind them can weigh them.",
        topic="structure",
    ),
    Metric(
        name="ungated_sum",
        title="Different attentions are added without weights",
        unit="1",
        level="site",
        exactness="exact",
        method="1 when there are several attentions side by side, of different kinds (mechanism, window, "
        "mask, length, heads), and no output is multiplied by something learned or computed before the sum; "
        "else 0.",
        not_said="That a weight is needed: each branch's output projection can learn its own size.",
        topic="structure",
    ),
)


def _run(subject: Subject) -> ProbeResult:
    sites = subject.trace.sites
    together: dict[str, Found] = {site.id: 1 for site in sites}
    ungated: dict[str, Found] = {site.id: 0 for site in sites}
    for found in branches(Flow(subject.trace)):
        for index in found.sites:
            together[sites[index].id] = len(found.sites)
            ungated[sites[index].id] = int(found.is_mixed and not found.is_gated)
    return result([*records("parallel_attentions", together), *records("ungated_sum", ungated)])


probe = Probe(name="parallel_attention", depth="static", metrics=METRICS, run=_run)
