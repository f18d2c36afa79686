"""The masks of an attention as tensors: what was handed over, and how it was built."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from attnprobe.probes.counting.op_classes import op_class
from attnprobe.probes.graph_reading.flow import Flow, short_name
from attnprobe.records import Core, MaskSummary, Op

_OF_TORCH = frozenset({"scaled_dot_product_attention", "multi_head_attention_forward"})  # torch's own casts


@dataclass(frozen=True, slots=True)
class Mask:
    """A mask that an op of a core applies."""

    op: Op
    tensor: int
    summary: MaskSummary


def masks(flow: Flow, core: Core) -> Iterator[Mask]:
    """Every mask of a core whose values were seen."""
    for index in dict.fromkeys(core.mask_ops):
        op = flow.trace.ops[index]
        tensor = _mask_tensor(flow, op)
        if op.mask is not None and tensor is not None:
            yield Mask(op, tensor, op.mask)


def _mask_tensor(flow: Flow, op: Op) -> int | None:
    """The tensor among an op's arguments that has the mask's shape and does not come from weights."""
    assert op.mask is not None
    fitting = (number for number in op.inputs if flow.tensor(number).shape == op.mask.shape)
    return next((number for number in fitting if not flow.tensor(number).needs_weights), None)


def users_mask(flow: Flow, mask: Mask) -> int:
    """The mask as the user's code handed it over, before torch made a float tensor of it."""
    tensor, op = mask.tensor, flow.maker(mask.tensor, mask.op.index)
    while op is not None and op.function in _OF_TORCH:
        given = [
            number
            for number in op.inputs
            if not flow.tensor(number).needs_weights and flow.tensor(number).shape
        ]
        if not given:
            break
        tensor = given[0]
        op = flow.maker(tensor, op.index)
    return tensor


def builders(flow: Flow, tensor: int) -> tuple[Op, ...]:
    """The ops of the model's own code that wrote memory of at least the mask's last plane to build it."""
    shape = flow.tensor(tensor).shape
    plane = shape[-1] * shape[-2] if len(shape) > 1 else flow.tensor(tensor).numel
    return tuple(
        op
        for op in flow.chain(tensor)
        if op.function not in _OF_TORCH
        and op_class(op.name) != "view"
        and any(flow.tensor(number).numel >= plane > 1 for number in (*op.outputs, *op.writes))
    )


def recipe(ops: tuple[Op, ...]) -> tuple[object, ...]:
    """What was done to build a mask, without the tensors: equal for equal code with equal numbers."""
    return tuple((short_name(op), plain(op.arguments)) for op in ops)


def plain(value: object) -> object:
    """An op's argument without its tensors: comparable between ops."""
    if isinstance(value, tuple):
        return tuple(plain(item) for item in value)
    return value if isinstance(value, (int, float, bool, str)) or value is None else "tensor"
