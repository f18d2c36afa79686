"""Bytes that an op moves between memory and the processor."""

from __future__ import annotations

from attnprobe.probes.counting.call import OpCall
from attnprobe.probes.counting.formulas import packet
from attnprobe.probes.counting.op_classes import op_class
from attnprobe.records import Tensor

_GATHERS = frozenset({"aten.embedding", "aten.index", "aten.index_select", "aten.gather", "aten.take"})


def traffic_bytes(call: OpCall) -> int:
    """Every tensor that it reads, once, plus every tensor that it writes, once; nothing for a view.

    An expanded tensor counts as its memory. A gather reads as much as it writes. A fused attention op so
    counts its query, key, value, mask, output and log-sum-exp, and no scores: they never leave the chip.
    """
    if op_class(call.op.name) in ("view", "free"):
        return 0
    written = _written(call)
    writes = sum(_size(tensor) for tensor in written)
    if packet(call.op.name) in _GATHERS:
        indices = call.inputs[1:]
        return 2 * writes + sum(_size(tensor) for tensor in indices)
    reads = {tensor.id: tensor for tensor in call.inputs}
    return writes + sum(_size(tensor) for tensor in reads.values())


def _written(call: OpCall) -> list[Tensor]:
    """Results in memory of their own, and what is changed in place."""
    changed = {index: call.tensors[index] for index in call.op.writes}
    shared = {tensor.storage for tensor in call.inputs}
    fresh = [t for t in call.outputs if t.storage not in shared and t.id not in changed]
    return [*changed.values(), *fresh]


def _size(tensor: Tensor) -> int:
    return min(tensor.nbytes, tensor.storage_bytes) if tensor.storage_bytes else tensor.nbytes
