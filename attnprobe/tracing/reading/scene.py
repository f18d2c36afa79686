"""Everything that a pattern may look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from attnprobe.records import Core, Op, Ref, Tensor
from attnprobe.tracing.axes.algebra import Axes, Dim, Label
from attnprobe.tracing.axes.labelling import Contraction, Labelling
from attnprobe.tracing.graph import op_graph


@dataclass
class Scene:
    """One captured forward pass, labelled."""

    ops: Sequence[Op]  # all phases; patterns look at the first `end`
    tensors: Sequence[Tensor]
    labelling: Labelling
    end: int  # ops of the model's forward
    claimed: set[int] = field(default_factory=set)  # ops that belong to a core that was already found

    @cached_property
    def graph(self) -> Any:
        """The op graph (networkx)."""
        return op_graph(self.ops[: self.end], self.tensors)

    @cached_property
    def consumers(self) -> dict[int, list[int]]:
        """Tensor -> forward ops that read it."""
        found: dict[int, list[int]] = {}
        for op in self.ops[: self.end]:
            for tensor in dict.fromkeys(op.inputs):
                found.setdefault(tensor, []).append(op.index)
        return found

    @cached_property
    def modules(self) -> frozenset[str]:
        """Modules that ran ops of their own."""
        return frozenset(op.module for op in self.ops[: self.end])

    @property
    def axes(self) -> Axes:
        """All axes of the trace."""
        return self.labelling.axes

    @property
    def contractions(self) -> dict[int, Contraction]:
        """Products that sum over something, by op."""
        return self.labelling.contractions

    def label(self, tensor: int) -> Label:
        """Where the tensor's dims come from."""
        return self.labelling.label(tensor)

    def maker(self, tensor: int, before: int | None = None) -> Op | None:
        """The op that made a tensor or wrote into it last, looking no later than op `before`."""
        index = self.labelling.maker(tensor, before)
        return None if index is None else self.ops[index]

    def is_data(self, tensor: int) -> bool:
        """Computed from the model's inputs and its weights (or a floating input itself)."""
        record = self.tensors[tensor]
        return record.needs_weights and record.from_input

    def is_weight(self, tensor: int) -> bool:
        """A parameter, or computed from parameters alone: a projection's weight, learned queries."""
        record = self.tensors[tensor]
        return record.needs_weights and not record.from_input

    def is_weight_axis(self, axis: int) -> bool:
        """Whether an axis counts rows or columns of a parameter."""
        return all(self.axes.all[root].kind == "parameter" for root in self.axes.all[axis].roots)

    def is_width(self, dim: Dim) -> bool:
        """Whether a dim counts features: rows of a parameter are among its factors."""
        return any(self.is_weight_axis(axis) for axis, _, _ in dim)

    def constant(self, argument: Any) -> float | None:
        """The value of an op's argument that is a number or a tensor holding a known one; else None."""
        if isinstance(argument, (int, float)):
            return argument
        return self.tensors[argument.id].scalar if isinstance(argument, Ref) else None

    def related(self, one: Dim, other: Dim) -> bool:
        """Whether two dims descend from a common axis."""
        return bool(self.axes.roots(one) & self.axes.roots(other))


@dataclass(frozen=True, slots=True)
class Pattern:
    """One shape of attention: finds its cores and leaves what is claimed alone."""

    name: str
    find: Callable[[Scene], list[Core]]
    order: int  # surer patterns look first
