"""Keys and values of a memory that does not change, projected again by the same weights."""

from __future__ import annotations

from collections import Counter

from attnprobe.probes.counting.op_classes import op_class
from attnprobe.probes.graph_reading.flow import Flow, short_name
from attnprobe.probes.graph_reading.masks import plain
from attnprobe.probes.graph_reading.results import Found, records, result
from attnprobe.records import Measurement, Metric, Op, Probe, ProbeResult, Subject

METRICS = (
    Metric(
        name="repeated_cross_projections",
        title="Projections of a memory that were computed before in the same run",
        unit="1",
        level="site",
        exactness="exact",
        method="Products of a weight with a tensor, in the projections of a cross-attention, that the run "
        "computed before with the same rows of the same weight and the same tensor.",
        not_said="Repetition between runs: a decoder called token by token projects its memory at every "
        "call.",
        topic="structure",
    ),
)


def _run(subject: Subject) -> ProbeResult:
    trace = subject.trace
    flow = Flow(trace)
    repeated: Counter[str] = Counter()
    seen: set[object] = set()
    for op in flow.ops:
        site, part = trace.site_of_op.get(op.index, (-1, ""))
        if part != "projections" or trace.sites[site].role != "cross" or op_class(op.name) != "contraction":
            continue
        key = _operands(flow, op)
        if key in seen:
            repeated[trace.sites[site].id] += 1
        seen.add(key)
    values: dict[str, Found] = {site.id: repeated[site.id] for site in trace.sites if site.role == "cross"}
    name = "repeated_cross_projections"
    if not values:
        return result(records(name, {"": "the model has no cross-attention"}))
    return result([*records(name, values), Measurement(metric=name, site="", value=repeated.total())])


def _operands(flow: Flow, op: Op) -> object:
    """What a product multiplies, behind views and copies."""
    return short_name(op), frozenset(_root(flow, number) for number in op.inputs)


def _root(flow: Flow, tensor: int) -> object:
    """The tensor that was looked at, and the views through which."""
    views: list[object] = []
    while (op := flow.maker(tensor)) is not None and len(op.inputs) == 1 and not op.writes:
        if op_class(op.name) != "view" and short_name(op) not in ("clone", "_to_copy"):
            break
        output = op.outputs.index(tensor) if tensor in op.outputs else 0
        views.append((short_name(op), plain(op.arguments), output))
        tensor = op.inputs[0]
    return tensor, tuple(views)


probe = Probe(name="cross_projections", depth="static", metrics=METRICS, run=_run)
