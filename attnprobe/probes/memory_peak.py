"""Where the memory of a training step peaks, and how much of it attention holds then."""

from __future__ import annotations

from collections import Counter

from attnprobe.probes.counting.tally import origin
from attnprobe.probes.graph_reading.results import Found, records, result
from attnprobe.records import Measurement, Metric, NotMeasured, Probe, ProbeResult, Subject, Trace

METRICS = (
    Metric(
        name="peak_in_attention",
        title="The memory peak of the training step falls into this attention",
        unit="1",
        level="site",
        exactness="exact",
        method="1 when the op at which the sum of live storages is largest, over forward and backward, "
        "belongs to the site or is the backward of such an op; else 0.",
        not_said="That attention is what fills the memory: see peak_attention_share.",
    ),
    Metric(
        name="peak_attention_share",
        title="Share of attention in the memory that is live at the peak",
        unit="1",
        level="model",
        exactness="exact",
        method="Bytes live at the peak of the training step that ops of attention sites made, or their "
        "backward, over all live bytes without parameters, buffers and inputs.",
        not_said="Normalised inputs that a site reads but another op made count there.",
    ),
)


def _run(subject: Subject) -> ProbeResult:
    trace = subject.trace
    if not trace.backward:
        reason = "the scan ran no backward pass"
        return ProbeResult(
            not_measured=tuple(NotMeasured(metric=m.name, site="", reason=reason) for m in METRICS)
        )
    peak, live = _peak(trace)
    owner = _site_of(trace, peak)
    values: dict[str, Found] = {site.id: int(index == owner) for index, site in enumerate(trace.sites)}
    found = [
        *records("peak_in_attention", values),
        Measurement(metric="peak_in_attention", site="", value=int(owner is not None)),
    ]
    total = sum(live.values())
    of_attention = sum(size for op, size in live.items() if _site_of(trace, op) is not None)
    share: Found = of_attention / total if total else "nothing is live at the peak"
    return result([*found, *records("peak_attention_share", {"": share})])


def _peak(trace: Trace) -> tuple[int, Counter[int]]:
    """The op of the peak, and the bytes live then by the op that made them."""
    total = highest = last = 0
    for number, event in enumerate(trace.events):
        total += event.delta_bytes
        if total > highest:
            highest, last = total, number
    live: dict[int, tuple[int, int]] = {}  # storage -> (op, bytes)
    for event in trace.events[: last + 1]:
        if event.delta_bytes > 0:
            live[event.storage] = (event.op, event.delta_bytes)
        else:
            live.pop(event.storage, None)
    sums: Counter[int] = Counter()
    for op, size in live.values():
        sums[op] += size
    return trace.events[last].op if trace.events else -1, sums


def _site_of(trace: Trace, op: int) -> int | None:
    if not 0 <= op < len(trace.ops):
        return None
    part = trace.site_of_op.get(origin(trace.ops[op]))
    return part[0] if part else None


probe = Probe(name="memory_peak", depth="static", metrics=METRICS, run=_run)
