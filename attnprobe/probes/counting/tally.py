"""FLOPs of a whole trace: per op, then summed for the model, for every site and for every module."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from attnprobe.probes.counting.call import OpCall, calls
from attnprobe.probes.counting.formulas import Flops, find_formula
from attnprobe.probes.counting.op_classes import OpClass, op_class
from attnprobe.records import Component, Op, Trace

CORE: tuple[Component, ...] = ("scores", "normaliser", "values")
_NO_FLOPS = Flops()


@dataclass(slots=True)
class Tally:
    """Sums over some ops of a trace."""

    forward: int = 0
    backward: int = 0  # `recomputed` included
    recomputed: int = 0
    parts: Counter[str] = field(default_factory=Counter)  # of the forward: scores, normaliser, values, …
    elementwise: int = 0  # operations of the forward that are not FLOPs
    copied_bytes: int = 0

    @property
    def core(self) -> int:
        """FLOPs of scores, normaliser and values in the forward."""
        return sum(self.parts[part] for part in CORE)


@dataclass(frozen=True, slots=True)
class TraceFlops:
    """FLOPs of every op (index: the op's) and their sums."""

    per_op: tuple[Flops, ...]
    model: Tally
    sites: tuple[Tally, ...]


def count(trace: Trace) -> TraceFlops:
    """Count a trace. The loss after the model's forward, and its backward, are not part of the model."""
    per_op: list[Flops] = []
    model, sites = Tally(), tuple(Tally() for _ in trace.sites)
    for call in calls(trace):
        flops = op_flops(call)
        per_op.append(flops)
        if not belongs_to_model(call.op, trace):
            continue
        kind = op_class(call.op.name)
        _add(model, call, flops, kind, "")
        owner = trace.site_of_op.get(origin(call.op))
        if owner is not None:
            _add(sites[owner[0]], call, flops, kind, owner[1])
    return TraceFlops(tuple(per_op), model, sites)


def op_flops(call: OpCall) -> Flops:
    """FLOPs of one op; none when there is no formula for it."""
    found = find_formula(call.op.name)
    return found(call) if found else _NO_FLOPS


def origin(op: Op) -> int:
    """Index of the op of the first forward pass to which an op belongs: itself, for one of that pass."""
    return op.index if op.forward_op is None else op.forward_op


def belongs_to_model(op: Op, trace: Trace) -> bool:
    """Whether an op is part of the model's forward or of its backward; the loss outside the model is not."""
    if op.phase == "forward":
        return op.index < trace.forward_end
    return op.forward_op is None or op.forward_op < trace.forward_end


def _add(tally: Tally, call: OpCall, flops: Flops, kind: OpClass, component: str) -> None:
    if call.op.phase == "forward":
        tally.forward += flops.total
        tally.parts.update(_parts(flops, component))
        tally.elementwise += elementwise_operations(call, kind)
        tally.copied_bytes += copied_bytes(call, kind)
        return
    tally.backward += flops.total
    if call.op.phase == "recompute":
        tally.recomputed += flops.total


def _parts(flops: Flops, component: str) -> dict[str, int]:
    """FLOPs by part: a fused op knows its own, any other op is what the tracer says."""
    found = {"scores": flops.scores, "values": flops.values, "projections": flops.projections}
    if component and flops.plain:
        fused = flops.total != flops.plain  # its plain part is a feed-forward layer inside the same op
        part = "feed_forward" if fused else component
        found[part] = found.get(part, 0) + flops.plain
    return found


def elementwise_operations(call: OpCall, kind: OpClass) -> int:
    """One per element of the result of an elementwise op, one per element that a reduction reads."""
    if kind == "elementwise":
        return max((tensor.numel for tensor in call.outputs), default=0)
    if kind == "reduction":
        return max((tensor.numel for tensor in call.inputs), default=0)
    return 0


def copied_bytes(call: OpCall, kind: OpClass) -> int:
    """Bytes written by an op that only moves data; none when its result shares memory with an input."""
    if kind != "copy":
        return 0
    shared = {tensor.storage for tensor in call.inputs} - {
        call.tensors[index].storage for index in call.op.writes
    }
    return sum(tensor.nbytes for tensor in call.outputs if tensor.storage not in shared)


def flops_by_module(trace: Trace, counted: TraceFlops) -> dict[str, tuple[int, int]]:
    """(forward, backward) of every module that ran, its submodules included; "" is the model."""
    found: dict[str, list[int]] = {}
    for op, flops in zip(trace.ops, counted.per_op, strict=True):
        if not flops.total or not belongs_to_model(op, trace):
            continue
        module = trace.ops[origin(op)].module
        for name in _with_parents(module):
            found.setdefault(name, [0, 0])[0 if op.phase == "forward" else 1] += flops.total
    return {name: (forward, backward) for name, (forward, backward) in found.items()}


def _with_parents(module: str) -> Iterator[str]:
    yield ""
    parts = module.split(".") if module else []
    for depth in range(1, len(parts) + 1):
        yield ".".join(parts[:depth])
