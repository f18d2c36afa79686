"""A call of scaled_dot_product_attention as the user made it, whichever kernel ran."""

from __future__ import annotations

from dataclasses import dataclass

from attnprobe.probes.graph_reading.flow import Flow, short_name
from attnprobe.records import Core, Op, Tensor

FUNCTION = "scaled_dot_product_attention"
FELL_BACK = "math (scaled_dot_product_attention fell back)"
_FUSED = "_scaled_dot_product"


@dataclass(frozen=True, slots=True)
class SdpaCall:
    """Its arguments. Unknown tensors are None; so is a mask that was not given."""

    query: Tensor | None
    key: Tensor | None
    value: Tensor | None
    mask: Tensor | None
    dropout: float
    is_causal: bool
    is_fused: bool


def sdpa_call(flow: Flow, core: Core) -> SdpaCall | None:
    """The call that a core came from; None where it came from something else."""
    first = flow.trace.ops[core.score_ops[0]] if core.score_ops else None
    if first is None or core.parts:
        return None
    if short_name(first).startswith(_FUSED) and len(first.inputs) >= 3:
        given = [flow.tensor(number) for number in first.inputs[:4]]
        mask = given[3] if len(given) > 3 else None
        return SdpaCall(given[0], given[1], given[2], mask, core.dropout, core.is_causal_flag, True)
    if core.kernel != FELL_BACK:
        return None
    if first.function != FUNCTION:  # from inside of another function: where the call begins cannot be seen
        return SdpaCall(None, None, None, None, core.dropout, core.is_causal_flag, False)
    own = _own_ops(flow, first.index, max(core.value_ops))
    query, key, value = (_given(flow, own, tensor) for tensor in (core.query, core.key, core.value))
    return SdpaCall(query, key, value, _mask(flow, own, core), core.dropout, core.is_causal_flag, False)


def _own_ops(flow: Flow, first: int, last: int) -> frozenset[int]:
    """The ops that ran inside of the call: the neighbours of the product of scores that came through it."""
    start = first
    while start > 0 and _is_inside(flow.trace.ops[start - 1]):
        start -= 1
    return frozenset(range(start, last + 1))


def _is_inside(op: Op) -> bool:
    return op.phase == "forward" and op.function == FUNCTION


def _given(flow: Flow, own: frozenset[int], tensor: int | None) -> Tensor | None:
    """The tensor as it entered the call: what scales, views and repeats inside of it started from."""
    while tensor is not None and (op := flow.maker(tensor)) is not None and op.index in own and op.inputs:
        tensor = op.inputs[0]
    return None if tensor is None else flow.tensor(tensor)


def _mask(flow: Flow, own: frozenset[int], core: Core) -> Tensor | None:
    """What is added to the scores."""
    for index in core.inner_ops:
        op = flow.trace.ops[index]
        if index in own and short_name(op) == "add" and len(op.inputs) == 2:
            return _given(flow, own, op.inputs[1])
    return None
