"""Which op made a tensor, which ops read it, and which results anybody uses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from attnprobe.probes.counting.op_classes import op_class
from attnprobe.records import Op, Ref, Tensor, Trace

_ASKING = ("_local_scalar_dense", "_assert_async", "_assert_scalar", "equal", "is_nonzero")  # steer the code


def short_name(op: Op) -> str:
    """The name without namespace, overload and in-place mark: "masked_fill"."""
    parts = op.name.split(".")
    return (parts[1] if len(parts) > 1 else parts[0]).rstrip("_")


class Flow:
    """The forward ops of a trace, by the tensors that they make and read."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace

    @cached_property
    def ops(self) -> tuple[Op, ...]:
        """The ops of the model's forward, in order."""
        return tuple(op for op in self.trace.ops[: self.trace.forward_end] if op.phase == "forward")

    @cached_property
    def _makers(self) -> Mapping[int, Sequence[int]]:
        """Tensor -> ops that made or changed it."""
        found: dict[int, list[int]] = defaultdict(list)
        for op in self.ops:
            for tensor in dict.fromkeys((*op.outputs, *op.writes)):
                found[tensor].append(op.index)
        return found

    @cached_property
    def _readers(self) -> Mapping[int, Sequence[int]]:
        found: dict[int, list[int]] = defaultdict(list)
        for op in self.ops:
            for tensor in dict.fromkeys(op.inputs):
                found[tensor].append(op.index)
        return found

    def maker(self, tensor: int, before: int | None = None) -> Op | None:
        """The op that made the tensor, or changed it last before op `before`; None: it was given."""
        found = [index for index in self._makers.get(tensor, ()) if before is None or index < before]
        return self.trace.ops[found[-1]] if found else None

    def readers(self, tensor: int) -> Iterator[Op]:
        """The ops that read it, in order."""
        return (self.trace.ops[index] for index in self._readers.get(tensor, ()))

    def tensor(self, number: int) -> Tensor:
        """What is known of a tensor."""
        return self.trace.tensors[number]

    def behind_views(self, tensor: int) -> int:
        """The tensor of which this one is a view."""
        while (op := self.maker(tensor)) is not None and op.inputs and op_class(op.name) == "view":
            tensor = op.inputs[0]
        return tensor

    def chain(self, tensor: int, *, longest: int = 60) -> tuple[Op, ...]:
        """The ops that made a tensor out of parameters, buffers, inputs and constants, weights left out.

        Only through tensors that do not depend on weights or floating inputs; in the order of their running.
        """
        found: dict[int, Op] = {}
        todo = [tensor]
        while todo and len(found) < longest:
            number = todo.pop()
            if self.tensor(number).needs_weights:
                continue
            op = self.maker(number)
            if op is not None and op.index not in found:
                found[op.index] = op
                todo += op.inputs
        return tuple(found[index] for index in sorted(found))

    @cached_property
    def used(self) -> frozenset[int]:
        """Ops whose results reach the model's outputs, or the control flow of its code."""
        wanted = set(self.trace.output_storages)
        found: set[int] = set()
        for op in reversed(self.ops):
            results = {self.tensor(number).storage for number in (*op.outputs, *op.writes)}
            if wanted & results or short_name(op) in _ASKING:
                found.add(op.index)
                wanted |= {self.tensor(number).storage for number in op.inputs}
        return frozenset(found)

    @cached_property
    def kept(self) -> frozenset[int]:
        """Storages made in the forward that somebody still holds after the step, the outputs left out."""
        freed = {event.storage for event in self.trace.events if event.delta_bytes < 0}
        made = {event.storage for event in self.trace.events if event.delta_bytes > 0 and event.op >= 0}
        return frozenset(made - freed - self.trace.output_storages)


def tensor_argument(op: Op, position: int, name: str = "") -> int | None:
    """The tensor given at a position or under a name; None where there is none."""
    value = op.arguments[position] if position < len(op.arguments) else op.keywords.get(name)
    return value.id if isinstance(value, Ref) else None
