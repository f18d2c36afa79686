"""Keys and values that are repeated in memory, once for every query head of their group."""

from __future__ import annotations

from attnprobe.probes.graph_reading.results import Found, records, result
from attnprobe.records import Measurement, Metric, Probe, ProbeResult, Subject, Trace

METRICS = (
    Metric(
        name="expanded_kv_bytes",
        title="Copies of keys and values, one for every query head that shares them",
        unit="byte",
        level="site",
        exactness="exact",
        method="Bytes that the ops which repeat keys and values along the heads write in one forward, where "
        "there are fewer key-value heads than query heads; 0 where the kernel reads them as they are.",
        source="Ainslie et al. 2023, arXiv:2305.13245; enable_gqa of scaled_dot_product_attention",
        not_said="A view that repeats without a copy costs nothing and counts nothing.",
        topic="structure",
    ),
)


def _run(subject: Subject) -> ProbeResult:
    trace = subject.trace
    values: dict[str, Found] = {site.id: 0 for site in trace.sites}
    for index, (site, component) in sorted(trace.site_of_op.items()):
        found = trace.sites[site]
        if component == "copies" and found.num_kv_heads < found.num_heads:
            values[found.id] = _bytes(trace, index) + int(values[found.id])
    total = Measurement(metric="expanded_kv_bytes", site="", value=sum(map(int, values.values())))
    return result([*records("expanded_kv_bytes", values), total])


def _bytes(trace: Trace, index: int) -> int:
    return sum(trace.tensors[number].nbytes for number in trace.ops[index].outputs)


probe = Probe(name="key_value_copies", depth="static", metrics=METRICS, run=_run)
