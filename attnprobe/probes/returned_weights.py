"""Attention weights that are computed for a caller who never reads them."""

from __future__ import annotations

from collections.abc import Iterator

from attnprobe.probes.graph_reading.flow import Flow
from attnprobe.probes.graph_reading.results import Found, records, result
from attnprobe.probes.graph_reading.weights import UNFUSED, other_readers, softmax_ops
from attnprobe.records import Core, Metric, Op, Probe, ProbeResult, Subject

METRICS = (
    Metric(
        name="unused_weights_returned",
        title="Attention weights are prepared for a caller who never reads them",
        unit="1",
        level="site",
        exactness="exact",
        method="1 when an op outside of the attention reads its weights (their mean over the heads, a view "
        "for the caller) and neither an output of the model nor anything that outlives the step comes of it; "
        "else 0.",
        source="torch.nn.MultiheadAttention: need_weights is True by default and keeps it from the fused "
        "path.",
        not_said="Weights that a module returns as they are leave no op behind: see sdpa_equivalent.",
        topic="structure",
    ),
)


def _run(subject: Subject) -> ProbeResult:
    trace = subject.trace
    flow = Flow(trace)
    values: dict[str, Found] = {}
    for site, core in zip(trace.sites, trace.cores, strict=True):
        if core.kernel == UNFUSED and core.normaliser == "softmax":
            parts = core.parts or (core,)
            values[site.id] = int(any(_is_waste(flow, part) for part in parts))
        else:
            values[site.id] = 0  # a fused kernel hands out no weights
    return result(records("unused_weights_returned", values))


def _is_waste(flow: Flow, core: Core) -> bool:
    if not softmax_ops(flow, core):
        return False
    extra = list(other_readers(flow, core, after_softmax=True))
    if not extra:
        return False
    return not any(op.index in flow.used or _outlives(flow, op) for op in _behind(flow, extra))


def _behind(flow: Flow, first: list[Op]) -> Iterator[Op]:
    """The ops and all that read what they make."""
    todo, seen = list(first), set[int]()
    while todo:
        op = todo.pop()
        if op.index not in seen:
            seen.add(op.index)
            yield op
            todo += [reader for number in op.outputs for reader in flow.readers(number)]


def _outlives(flow: Flow, op: Op) -> bool:
    return any(flow.tensor(number).storage in flow.kept for number in op.outputs)


probe = Probe(name="returned_weights", depth="static", metrics=METRICS, run=_run)
