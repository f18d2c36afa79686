"""What is in memory when: peaks, what backward keeps, what is there all along."""

from __future__ import annotations

from collections.abc import Mapping

from attnprobe.records import Trace

_RESIDENT = ("parameter:", "buffer:", "input:")


def resident_bytes(trace: Trace) -> int:
    """Bytes of parameters, buffers and inputs: there before the step and after it. Tied ones count once."""
    sizes = {
        tensor.storage: tensor.storage_bytes
        for tensor in trace.tensors
        if tensor.origin.startswith(_RESIDENT)
    }
    return sum(sizes.values())


def peak_bytes(trace: Trace, *, end: int | None = None) -> int:
    """Largest sum of live storages, resident ones included, before op `end` (None: over the whole step)."""
    live = peak = 0
    for event in trace.events:
        if end is not None and event.op >= end:
            break
        live += event.delta_bytes
        peak = max(peak, live)
    return resident_bytes(trace) + peak


def saved_bytes(trace: Trace) -> Mapping[int, int]:
    """Bytes that each op of the model's forward made and that the autograd graph holds when backward starts.

    A storage counts for the op that made it. What goes as soon as the outputs are let go of is not held by
    the graph; what never goes although it is an output is held by the caller.
    """
    made: dict[int, tuple[int, int]] = {}  # storage -> (op, bytes)
    freed: dict[int, int] = {}  # storage -> op
    for event in trace.events:
        if event.delta_bytes > 0 and 0 <= event.op < trace.forward_end:
            made[event.storage] = (event.op, event.delta_bytes)
        elif event.delta_bytes < 0:
            freed[event.storage] = event.op
    saved: dict[int, int] = {}
    for storage, (op, size) in made.items():
        end = freed.get(storage)
        if end is None and storage in trace.output_storages:
            continue
        if end is None or end > trace.loss_end:
            saved[op] = saved.get(op, 0) + size
    return saved
