"""Labels for every tensor of a trace, by one pass over its forward ops."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from attnprobe.records import Op, Ref, Tensor
from attnprobe.tracing.axes.algebra import Axes, Dim, Label, axes_of, size_of


@dataclass(frozen=True, slots=True)
class Contraction:
    """One product that sums over something: scores, values, projections.

    `lhs` and `rhs` are tensor ids; the dims are those of the operands. Free dims of the output keep the
    operand's label, except that one of two equal axes becomes an alias.
    """

    op: int
    lhs: int
    rhs: int
    lhs_contracted: tuple[Dim, ...]
    rhs_contracted: tuple[Dim, ...]
    lhs_free: tuple[Dim, ...]
    rhs_free: tuple[Dim, ...]  # as they are named in the output
    batch: tuple[Dim, ...]
    contracted_size: int
    output: int
    lhs_own: tuple[Dim, ...] = ()  # the free dims as the operands name them
    rhs_own: tuple[Dim, ...] = ()


Transfer = Callable[["Labelling", Op], None]
_TRANSFERS: dict[str, Transfer] = {}
_FACTORIES = frozenset(
    {"zeros_like", "empty_like", "new_zeros", "new_empty", "new_full", "full_like", "ones_like"}
)


def op_names(*lines: str) -> frozenset[str]:
    """Names of ops as a set; a line holds several, with spaces between them."""
    return frozenset(" ".join(lines).split())


def transfer(*lines: str) -> Callable[[Transfer], Transfer]:
    """Register how labels pass through the ops of these names (written as for `op_names`)."""

    def register(function: Transfer) -> Transfer:
        _TRANSFERS.update(dict.fromkeys(op_names(*lines), function))
        return function

    return register


class Labelling:
    """The labels of all tensors of a trace, and its contractions."""

    def __init__(self, ops: Sequence[Op], tensors: Sequence[Tensor]) -> None:
        self.ops = ops
        self.tensors = tensors
        self.axes = Axes()
        self.labels: dict[int, Label] = {}
        self.contractions: dict[int, Contraction] = {}  # by op
        self.producers: dict[int, list[int]] = {}  # tensor -> its maker, then the ops that wrote into it
        self.blanks: dict[int, int] = {}  # storage -> the buffer made without data, to be written into
        self.filled: set[int] = set()  # blanks that took their labels from what was written into them
        for op in ops:
            if op.phase != "forward":
                continue
            transfer_of(op.name)(self, op)
            self._complete(op)

    def label(self, tensor: int) -> Label:
        """The label of a tensor; one that came from outside gets axes of its own."""
        found = self.labels.get(tensor)
        if found is None:
            found = self.labels[tensor] = self._from_outside(self.tensors[tensor])
        return found

    def shape(self, tensor: int) -> tuple[int, ...]:
        """The shape of a tensor."""
        return self.tensors[tensor].shape

    def set(self, tensor: int, dims: Sequence[Dim], offsets: Mapping[int, int] | None = None) -> None:
        """Label an output; dims whose size does not fit the tensor are replaced by mixed ones."""
        shape = self.tensors[tensor].shape
        if len(dims) != len(shape) or any(
            size_of(d) != n for d, n in zip(dims, shape, strict=False) if n > 0
        ):
            parents = axes_of(dims)
            dims = [self.axes.new("mixed", size, parents=parents) for size in shape]
        self.labels[tensor] = Label(tuple(dims), offsets or {})

    def derived(self, op: Op, size: int, *dims: Dim) -> Dim:
        """A new axis that descends from those of `dims`."""
        return self.axes.new("derived", size, birth=op.index, parents=axes_of(dims))

    def without_repeats(self, op: Op, dims: Sequence[Dim], movable: Sequence[bool]) -> list[Dim]:
        """The same dims with a second occurrence of a factor renamed to an alias, where `movable` allows."""
        seen: set[tuple[int, int, int]] = set()
        result: list[Dim] = []
        for dim, can_move in _fixed_first(dims, movable):
            if can_move and any(factor in seen for factor in dim):
                dim = tuple(
                    (self.axes.new("alias", size, birth=op.index, parents=(axis,))[0][0], size, 1)
                    for axis, size, _ in dim
                )
            seen.update(dim)
            result.append(dim)
        order = [i for i, m in enumerate(movable) if not m] + [i for i, m in enumerate(movable) if m]
        placed: list[Dim] = [()] * len(dims)
        for position, dim in zip(order, result, strict=True):
            placed[position] = dim
        return placed

    def _from_outside(self, tensor: Tensor) -> Label:
        kind = tensor.origin.split(":", 1)[0]
        kinds = {
            "input": "input",
            "parameter": "parameter",
            "unregistered": "parameter",
            "buffer": "buffer",
        }
        axis_kind: Any = kinds.get(kind, "fresh")
        return Label(
            tuple(
                self.axes.new(axis_kind, size, source=tensor.origin, dim=dim)
                for dim, size in enumerate(tensor.shape)
            )
        )

    def _complete(self, op: Op) -> None:
        for tensor in op.outputs:
            if self.tensors[tensor].origin == "unregistered":  # made in the forward: its dims are its own
                self.labels[tensor] = self._from_outside(self.tensors[tensor])
            if tensor not in self.labels:
                fallback(self, op)
            if tensor not in op.writes:
                self.producers.setdefault(tensor, []).append(op.index)
            if not op.inputs or _is_factory(op):
                self.blanks.setdefault(self.tensors[tensor].storage, tensor)
        for tensor in op.writes:
            self.producers.setdefault(tensor, []).append(op.index)
            blank = self.blanks.get(self.tensors[tensor].storage)
            if (
                blank is not None
                and blank != tensor
                and any(self.tensors[t].needs_weights for t in op.inputs if t != tensor)
            ):
                self.producers.setdefault(blank, []).append(op.index)

    def maker(self, tensor: int, before: int | None = None) -> int | None:
        """The op that made a tensor or wrote into it last, looking no later than op `before`."""
        known = self.producers.get(tensor, ())
        return next((index for index in reversed(known) if before is None or index < before), None)


def _is_factory(op: Op) -> bool:
    return short_name(op.name) in _FACTORIES


def _fixed_first(dims: Sequence[Dim], movable: Sequence[bool]) -> list[tuple[Dim, bool]]:
    """Dims that must keep their name before those that may be renamed."""
    pairs = list(zip(dims, movable, strict=True))
    return [pair for pair in pairs if not pair[1]] + [pair for pair in pairs if pair[1]]


def transfer_of(name: str) -> Transfer:
    """The transfer function of an op, "aten.add.Tensor" and "aten.add_.Tensor" alike."""
    short = short_name(name)
    return _TRANSFERS.get(short) or _TRANSFERS.get(short.rstrip("_"), fallback)


def short_name(name: str) -> str:
    """ "aten.add_.Tensor" -> "add_"; names of other libraries keep their prefix."""
    parts = name.split(".")
    return parts[1] if parts[0] in ("aten", "prims") and len(parts) > 1 else name


def fallback(labelling: Labelling, op: Op) -> None:
    """Whatever has no transfer function: pointwise where shapes say so, else descendants of its inputs."""
    for output in op.outputs:
        if output in labelling.labels:
            continue
        shape = labelling.shape(output)
        if not op.inputs:
            labelling.set(output, [labelling.axes.new("fresh", size, birth=op.index) for size in shape])
            continue
        if _is_broadcast_of(shape, [labelling.shape(tensor) for tensor in op.inputs]):
            pointwise(labelling, op, output)
            continue
        main = labelling.label(op.inputs[0])
        own = labelling.shape(op.inputs[0])
        parents = [dim for tensor in op.inputs for dim in labelling.label(tensor).dims]
        same_rank = len(own) == len(shape)
        labelling.set(
            output,
            [
                main.dims[i]
                if same_rank and own[i] == size
                else labelling.derived(op, size, *((main.dims[i],) if same_rank else parents))
                for i, size in enumerate(shape)
            ],
            main.offsets if same_rank else None,
        )


def _is_broadcast_of(shape: tuple[int, ...], inputs: list[tuple[int, ...]]) -> bool:
    rank = len(shape)
    relevant = [
        s
        for s in inputs
        if len(s) <= rank and all(a in (1, b) for a, b in zip(s[::-1], shape[::-1], strict=False))
    ]
    if len(relevant) != len(inputs) and relevant != inputs[: len(relevant)]:
        return False
    return bool(relevant) and all(
        any(len(s) >= rank - i and s[i - rank] == size for s in relevant) for i, size in enumerate(shape)
    )


def pointwise(labelling: Labelling, op: Op, output: int) -> None:
    """Element by element with broadcasting: each dim comes from the first operand not of size 1 there.

    Operands computed from weights come before masks and positions.
    """
    shape = labelling.shape(output)
    rank = len(shape)
    tensors = sorted(dict.fromkeys(op.inputs), key=lambda t: not labelling.tensors[t].needs_weights)
    dims: list[Dim] = []
    givers: list[int] = []
    for i, size in enumerate(shape):
        giver = next(
            (t for t in tensors if len(s := labelling.shape(t)) >= rank - i and s[i - rank] == size), -1
        )
        givers.append(giver)
        dims.append(labelling.label(giver).dims[i - rank] if giver >= 0 and size != 1 else ())
    first = givers[0] if givers else -1
    offsets: dict[int, int] = {}
    for giver in dict.fromkeys(reversed(givers)):
        if giver >= 0:
            offsets.update(labelling.label(giver).offsets)
    if len(set(givers)) > 1:
        dims = labelling.without_repeats(op, dims, [giver != first for giver in givers])
    labelling.set(output, dims, offsets)


def tensor_argument(op: Op, position: int) -> int | None:
    """The id of a positional argument; None when it is no tensor or not there."""
    value = op.arguments[position] if position < len(op.arguments) else None
    return value.id if isinstance(value, Ref) else None


def argument(op: Op, position: int, keyword: str, default: Any) -> Any:
    """An argument by position or keyword."""
    if position < len(op.arguments):
        return op.arguments[position]
    return op.keywords.get(keyword, default)
