"""The probabilities of an attention written out in several ops, and who else reads them."""

from __future__ import annotations

from collections.abc import Iterator

from attnprobe.probes.counting.op_classes import op_class
from attnprobe.probes.graph_reading.flow import Flow, short_name
from attnprobe.records import Core, Op

SOFTMAX = frozenset({"_softmax", "_safe_softmax", "softmax"})
UNFUSED = "unfused"


def softmax_ops(flow: Flow, core: Core) -> tuple[Op, ...]:
    """The softmax ops between scores and values."""
    return tuple(op for op in map(flow.trace.ops.__getitem__, core.inner_ops) if short_name(op) in SOFTMAX)


def other_readers(flow: Flow, core: Core, *, after_softmax: bool = False) -> Iterator[Op]:
    """Ops outside of the core that read its scores or its probabilities.

    Args:
        flow: The trace's.
        core: Of one block: a core without parts.
        after_softmax: Only those of the probabilities.
    """
    own = {*core.score_ops, *core.inner_ops, *core.value_ops}
    first = min((op.index for op in softmax_ops(flow, core)), default=0) if after_softmax else 0
    made = {
        number
        for index in (*core.score_ops, *core.inner_ops)
        if index >= first
        for number in flow.trace.ops[index].outputs
    }
    for number in sorted(made):
        for op in flow.readers(number):
            if op.index not in own and not _takes_no_numbers(op):
                yield op


def _takes_no_numbers(op: Op) -> bool:
    """What autograd saves of a softmax, and what asks for a shape alone: the mask of a dropout."""
    return short_name(op) == "detach" or op_class(op.name) == "free"


def probability_storages(flow: Flow, core: Core) -> frozenset[int]:
    """Memory that holds its probabilities."""
    found = softmax_ops(flow, core)
    first = min((op.index for op in found), default=None)
    return frozenset(
        flow.tensor(number).storage
        for index in core.inner_ops
        if first is not None and index >= first
        for number in flow.trace.ops[index].outputs
    )
