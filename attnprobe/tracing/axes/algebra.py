"""Factors, dimensions and labels: the algebra of where dimensions come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Literal

Factor = tuple[int, int, int]  # (axis, size, stride along the axis)
Dim = tuple[Factor, ...]  # outermost first; () for a dimension of size 1

AxisKind = Literal["input", "parameter", "buffer", "alias", "derived", "broadcast", "mixed", "fresh"]


@dataclass(frozen=True, slots=True)
class Axis:
    """Something that can be counted along: the tokens of an input, the rows of a weight."""

    id: int
    kind: AxisKind
    source: str  # "input:x", "parameter:attn.q_proj.weight", else ""
    dim: int  # of the source
    size: int
    birth: int  # op that made it; -1 for those of inputs and parameters
    parents: frozenset[int]
    roots: frozenset[int]  # the axes that it descends from; itself when it descends from none
    pieces: tuple[tuple[Dim, Mapping[int, int]], ...] = ()  # of a concatenation: the parts


@dataclass(frozen=True, slots=True)
class Label:
    """The dimensions of one tensor, and where along an axis it starts when it is a part of one."""

    dims: tuple[Dim, ...]
    offsets: Mapping[int, int] = field(default_factory=dict)  # axis -> first index, when not 0

    def axes(self) -> frozenset[int]:
        """Every axis that occurs."""
        return axes_of(self.dims)


class Axes:
    """All axes of one trace."""

    def __init__(self) -> None:
        self.all: list[Axis] = []

    def new(
        self,
        kind: AxisKind,
        size: int,
        *,
        birth: int = -1,
        source: str = "",
        dim: int = 0,
        parents: Iterable[int] = (),
        pieces: tuple[tuple[Dim, Mapping[int, int]], ...] = (),
    ) -> Dim:
        """A new axis as a dimension of its own."""
        if size == 1:
            return ()
        number = len(self.all)
        above = frozenset(parents)
        roots = frozenset(root for parent in above for root in self.all[parent].roots)
        self.all.append(
            Axis(number, kind, source, dim, size, birth, above, roots or frozenset((number,)), pieces)
        )
        return ((number, size, 1),)

    def roots(self, dim: Dim) -> frozenset[int]:
        """Roots of all factors of a dimension."""
        if len(dim) == 1:
            return self.all[dim[0][0]].roots
        return frozenset(root for axis, _, _ in dim for root in self.all[axis].roots)


def axes_of(dims: Iterable[Dim]) -> frozenset[int]:
    """Every axis that occurs in some dimensions."""
    return frozenset(axis for dim in dims for axis, _, _ in dim)


def flat(dims: Iterable[Dim]) -> Dim:
    """The factors of some dimensions, one after another."""
    return tuple(factor for dim in dims for factor in dim)


def size_of(dim: Dim) -> int:
    """Number of entries along a dimension."""
    return prod(size for _, size, _ in dim)


def joined(factors: Iterable[Factor]) -> Dim:
    """Factors as one dimension; neighbours that walk on along the same axis become one factor."""
    result: list[Factor] = []
    for axis, size, stride in factors:
        if size == 1:
            continue
        if result and result[-1][0] == axis and result[-1][2] == size * stride:
            result[-1] = (axis, result[-1][1] * size, stride)
        else:
            result.append((axis, size, stride))
    return tuple(result)


def reshaped(dims: tuple[Dim, ...], shape: tuple[int, ...]) -> tuple[list[Dim], list[Factor]]:
    """Cut the factors of `dims`, in order, into dimensions of the sizes `shape`.

    Returns:
        The dimensions found, and the factors left over. Fewer dimensions than `shape` has means that from
        there on the boundaries do not fit: the reshape mixes axes.
    """
    if 0 in shape:  # an empty tensor: nothing to cut
        return [], []
    rest = [factor for dim in dims for factor in dim]
    rest.reverse()
    found: list[Dim] = []
    for size in shape:
        taken: list[Factor] = []
        while size > 1:
            if not rest:
                return found, []
            axis, length, stride = rest[-1]
            if size % length == 0:
                taken.append(rest.pop())
                size //= length
            elif length % size == 0:
                inner = length // size
                taken.append((axis, size, stride * inner))
                rest[-1] = (axis, inner, stride)
                size = 1
            else:
                rest.reverse()
                return found, taken + rest
        found.append(joined(taken))
    rest.reverse()
    return found, rest
