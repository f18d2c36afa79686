"""One executed op with its tensors at hand: what a formula reads."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from attnprobe.records import Op, Ref, Tensor, Trace

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OpCall:
    """An op of a trace; arguments are asked for by position, or by name where they are keyword-only."""

    op: Op
    tensors: tuple[Tensor, ...]

    def argument(self, position: int, name: str = "", default: Any = None) -> Any:
        """An argument as it was given; the default when it was left out. `position` -1: keyword-only."""
        if 0 <= position < len(self.op.arguments):
            return self.op.arguments[position]
        return self.op.keywords.get(name, default) if name else default

    def tensor(self, position: int, name: str = "") -> Tensor | None:
        """A tensor argument, None when it is absent."""
        value = self.argument(position, name)
        return self.tensors[value.id] if isinstance(value, Ref) else None

    def tensor_list(self, position: int) -> tuple[Tensor, ...]:
        """The tensors of an argument that is a list of them."""
        values = self.argument(position, default=())
        return tuple(self.tensors[value.id] for value in values if isinstance(value, Ref))

    def shape(self, position: int, name: str = "") -> Shape:
        """Shape of a tensor argument.

        Raises:
            KeyError: There is no tensor at this position.
        """
        tensor = self.tensor(position, name)
        if tensor is None:
            raise KeyError(f"{self.op.name}: no tensor at position {position}")
        return tensor.shape

    def output(self, index: int = 0) -> Shape:
        """Shape of one of the results."""
        return self.tensors[self.op.outputs[index]].shape

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Every tensor that it reads."""
        return tuple(self.tensors[index] for index in self.op.inputs)

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """Every tensor that it returns."""
        return tuple(self.tensors[index] for index in self.op.outputs)


def calls(trace: Trace) -> tuple[OpCall, ...]:
    """Every op of a trace, in order; the position is the op's index."""
    return tuple(OpCall(op, trace.tensors) for op in trace.ops)


def numel(shape: Shape) -> int:
    """Number of elements; 1 for a scalar."""
    return prod(shape)
