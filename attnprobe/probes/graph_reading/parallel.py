"""Attentions side by side: they read the same hidden states, and their outputs are added up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from operator import attrgetter

from attnprobe.probes.counting.op_classes import op_class
from attnprobe.probes.graph_reading.flow import Flow, short_name
from attnprobe.records import Core, Op

_LONGEST = 40
_NORMS = frozenset({"native_layer_norm", "native_group_norm", "_fused_rms_norm", "rms_norm", "layer_norm"})
_kind = attrgetter(
    *("mechanism", "normaliser", "role", "windows", "is_causal", "window_left", "window_right"),
    *("q_len", "kv_len", "num_heads", "visible_share"),
)


@dataclass(frozen=True, slots=True)
class Branches:
    """Attentions of one input whose outputs meet in a sum."""

    sites: tuple[int, ...]
    is_gated: bool  # an output is weighed by something computed or learned before the sum
    is_mixed: bool  # they are of different kinds: not the heads of one attention


def branches(flow: Flow) -> tuple[Branches, ...]:
    """Every set of two or more attentions side by side."""
    trace = flow.trace
    by_source: dict[int, list[int]] = {}
    for index, core in enumerate(trace.cores):
        source = _source(flow, core)
        if source is not None:
            by_source.setdefault(source, []).append(index)
    return tuple(found for group in by_source.values() for found in _meeting(flow, group))


def _meeting(flow: Flow, group: Sequence[int]) -> Iterator[Branches]:
    """Those of a group whose outputs are added to one another."""
    if len(group) < 2:
        return
    reached = {index: _reached(flow, flow.trace.cores[index]) for index in group}
    joined: dict[int, set[int]] = {index: {index} for index in group}
    gated: set[int] = set()
    for one, other in combinations(group, 2):
        meeting = _sum_of_both(flow, reached[one], reached[other])
        if meeting is None:
            continue
        together = joined[one] | joined[other]
        joined.update(dict.fromkeys(together, together))
        gated |= {index for index in (one, other) if _is_weighed(reached[index], meeting)}
    for members in {tuple(sorted(found)) for found in joined.values() if len(found) > 1}:
        kinds = {_kind(flow.trace.sites[index]) for index in members}
        yield Branches(members, bool(gated & set(members)), len(kinds) > 1)


def _source(flow: Flow, core: Core) -> int | None:
    """The hidden states that the queries are projected from, before normalisations and views."""
    tensor = core.query if core.query is not None else _packed_source(flow, core)
    for _ in range(_LONGEST):
        op = flow.maker(tensor) if tensor is not None else None
        if op is None:
            return tensor
        if op_class(op.name) == "contraction":
            data = [n for n in op.inputs if not _is_weight(flow, n)]
            return None if not data else _before_norms(flow, data[0])
        tensor = next((n for n in op.inputs if flow.tensor(n).needs_weights), None)
    return None


def _packed_source(flow: Flow, core: Core) -> int | None:
    """The input of one fused op with its projections."""
    op = flow.trace.ops[core.score_ops[0]] if core.score_ops else None
    return op.inputs[0] if op is not None and op.inputs else None


def _before_norms(flow: Flow, tensor: int) -> int:
    for _ in range(_LONGEST):
        tensor = flow.behind_views(tensor)
        op = flow.maker(tensor)
        if op is None or not (short_name(op) in _NORMS or short_name(op) in ("clone", "_to_copy")):
            return tensor
        tensor = op.inputs[0]
    return tensor


def _is_weight(flow: Flow, tensor: int) -> bool:
    return flow.tensor(flow.behind_views(tensor)).origin.startswith("parameter:")


def _reached(flow: Flow, core: Core) -> dict[int, tuple[int, bool]]:
    """Tensors that the output goes on as, with the sums on the way and whether something weighed it."""
    found = {core.output: (0, False)}
    todo = [core.output]
    projected = 0
    while todo and len(found) < _LONGEST:
        tensor = todo.pop(0)
        sums, weighed = found[tensor]
        for op in flow.readers(tensor):
            if not op.outputs or op.outputs[0] in found or not _goes_on(flow, op, tensor):
                continue
            if op_class(op.name) == "contraction":
                projected += 1
                if sums or projected > 2:
                    continue
            following = (sums + _is_sum(flow, op), weighed or (not sums and _weighs(flow, op, tensor)))
            if following[0] <= 3:
                found[op.outputs[0]] = following
                todo.append(op.outputs[0])
    return found


def _goes_on(flow: Flow, op: Op, tensor: int) -> bool:
    name = short_name(op)
    if op_class(op.name) in ("view", "copy") and name not in ("cat", "stack"):
        return True
    if op_class(op.name) == "contraction":
        return any(_is_weight(flow, number) for number in op.inputs if number != tensor)
    return name in ("add", "sub", "mul", "div", "native_dropout", "dropout") or name in _NORMS


def _is_sum(flow: Flow, op: Op) -> bool:
    """Whether an op adds two computed tensors of its output's size."""
    if short_name(op) != "add" or len(op.inputs) != 2 or not op.outputs:
        return False
    size = flow.tensor(op.outputs[0]).numel
    return all(
        flow.tensor(n).numel == size and flow.tensor(n).needs_weights and not _is_weight(flow, n)
        for n in op.inputs
    )


def _weighs(flow: Flow, op: Op, tensor: int) -> bool:
    """A product with something learned or computed, not with a constant."""
    others = [number for number in op.inputs if number != tensor]
    return short_name(op) in ("mul", "div") and any(flow.tensor(n).needs_weights for n in others)


def _sum_of_both(
    flow: Flow, one: dict[int, tuple[int, bool]], other: dict[int, tuple[int, bool]]
) -> Op | None:
    """The first sum of which one operand comes from one attention and the other from the other."""
    for tensor in sorted(one):
        for op in flow.readers(tensor):
            if not _is_sum(flow, op):
                continue
            left, right = op.inputs
            if (left in one and right in other and right not in one) or (
                right in one and left in other and left not in one
            ):
                return op
    return None


def _is_weighed(reached: dict[int, tuple[int, bool]], meeting: Op) -> bool:
    return any(reached[number][1] for number in meeting.inputs if number in reached)
