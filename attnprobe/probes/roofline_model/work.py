"""FLOPs and bytes of a piece of work on a device, and the time of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from attnprobe.probes.counting.call import OpCall
from attnprobe.probes.counting.formulas import is_fused_attention
from attnprobe.probes.counting.tally import TraceFlops, origin
from attnprobe.probes.counting.visible import visible_share
from attnprobe.probes.roofline_model.devices import Device
from attnprobe.probes.roofline_model.traffic import traffic_bytes
from attnprobe.records import Prediction, Trace

Workload = Literal["prefill", "training", "decode"]


@dataclass(frozen=True, slots=True)
class Work:
    """FLOPs in a dtype, and bytes, of one op or of ops that overlap."""

    flops: float
    bytes: float
    dtype: str


def predict(works: Iterable[Work], device: Device, workload: Workload, site: str) -> Prediction:
    """Time of works one after the other, each as long as the slower of its products and its traffic."""
    total = [0.0, 0.0, 0.0, 0.0, 0.0]
    for work in works:
        compute, memory = work.flops / device.rate(work.dtype), work.bytes / device.bandwidth
        for index, value in enumerate((work.flops, work.bytes, compute, memory, max(compute, memory))):
            total[index] += value
    flops, moved, compute, memory, seconds = total
    return Prediction(
        device=device.name,
        workload=workload,
        site=site,
        flops=flops,
        bytes=moved,
        compute_ms=1e3 * compute,
        memory_ms=1e3 * memory,
        ms=1e3 * seconds,
        bound="compute" if compute >= memory else "memory",
    )


def op_work(call: OpCall, trace: Trace, counted: TraceFlops) -> Work:
    """Work of one op of a trace. A fused kernel is taken to skip what a causal flag hides."""
    flops: float = counted.per_op[call.op.index].total
    owner = trace.site_of_op.get(origin(call.op))
    if flops and owner is not None and is_fused_attention(call.op.name):
        site, core = trace.sites[owner[0]], trace.cores[owner[0]]
        if core.is_causal_flag:
            flops *= visible_share(trace, site, core) or 1.0
    return Work(flops, traffic_bytes(call), _dtype(call))


def _dtype(call: OpCall) -> str:
    """The dtype in which an op computes: that of its first floating input."""
    floating = (t.dtype for t in call.inputs if t.dtype.startswith(("float", "bfloat")))
    return next(floating, "float32")
