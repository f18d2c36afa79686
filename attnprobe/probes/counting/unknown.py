"""Ops that may cost FLOPs for which there is no formula: listed, never counted as free in silence."""

from __future__ import annotations

from attnprobe.probes.counting.call import OpCall, calls
from attnprobe.probes.counting.formulas import packet
from attnprobe.probes.counting.op_classes import op_class
from attnprobe.probes.counting.tally import belongs_to_model
from attnprobe.records import Tensor, Trace, UnknownOp

_SHOWN_MODULES = 5


def unknown_ops(trace: Trace) -> tuple[UnknownOp, ...]:
    """Ops of no known class that read a floating tensor of two or more dims, one entry per op name."""
    found: dict[str, list[OpCall]] = {}
    for call in calls(trace):
        if op_class(call.op.name) == "unknown" and _may_cost(call) and belongs_to_model(call.op, trace):
            found.setdefault(call.op.name, []).append(call)
    return tuple(_entry(name, uses) for name, uses in sorted(found.items()))


def _may_cost(call: OpCall) -> bool:
    return any(len(tensor.shape) >= 2 and _is_floating(tensor) for tensor in call.inputs)


def _is_floating(tensor: Tensor) -> bool:
    return tensor.dtype.startswith(("float", "bfloat", "complex"))


def _entry(name: str, uses: list[OpCall]) -> UnknownOp:
    modules = tuple(dict.fromkeys(call.op.module for call in uses))
    return UnknownOp(
        name=name,
        count=len(uses),
        modules=modules[:_SHOWN_MODULES],
        shapes=" x ".join(_shape(tensor) for tensor in uses[0].inputs),
        remedy=(
            "Its FLOPs are missing in every sum. Register a formula in a probe plug-in: "
            f'@formula("{packet(name)}") of attnprobe.probes.counting.formulas.'
        ),
    )


def _shape(tensor: Tensor) -> str:
    return f"{tensor.dtype}[{','.join(map(str, tensor.shape))}]"
