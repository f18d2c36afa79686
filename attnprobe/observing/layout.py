"""From tensors as a model lays them out to [samples, heads, positions, width]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from torch import Tensor

from attnprobe.records import Operand

_SAMPLES, _HEADS = "nw", "hr"


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How to bring one operand into the canonical layout: cut its dims, reorder the pieces."""

    factors: tuple[tuple[str, int], ...]  # all of them, in memory order
    order: tuple[int, ...]  # indices into `factors`: samples, heads, rows, columns
    sizes: tuple[int, int, int, int]

    @property
    def copies(self) -> int:
        """How many copies there are of each key-value head."""
        return prod(size for letter, size in self.factors if letter == "r")


def arrangement(operand: Operand, rows: str, columns: str) -> Arrangement:
    """Args: rows and columns are the letters of the last two canonical dims ("l", "s" or "d")."""
    factors = tuple(factor for dim in operand.dims for factor in dim)
    groups = [
        [i for i, (letter, _) in enumerate(factors) if letter in wanted]
        for wanted in (_SAMPLES, _HEADS, rows, columns)
    ]
    if sum(map(len, groups)) != len(factors):
        raise ValueError(f"an operand has dims {operand.dims} that are neither {rows} nor {columns}")
    samples, heads, row, column = (prod(factors[i][1] for i in group) for group in groups)
    return Arrangement(factors, tuple(i for group in groups for i in group), (samples, heads, row, column))


def canonical(tensor: Tensor, arranged: Arrangement) -> Tensor:
    """[…] -> [N, H, rows, columns]; a view where memory allows it. Copies of key-value heads are kept."""
    if not arranged.factors:
        return tensor.reshape(1, 1, 1, 1)
    cut = tensor.reshape([size for _, size in arranged.factors])
    return cut.permute(arranged.order).reshape(arranged.sizes)


def without_copies(tensor: Tensor, arranged: Arrangement, *, add: bool = False) -> Tensor:
    """[N, H, S, D] with copies of key-value heads -> [N, G, S, D]: the first of each, or their sum."""
    heads = [(letter, size) for letter, size in arranged.factors if letter in _HEADS]
    cut = tensor.reshape(tensor.shape[0], *([size for _, size in heads] or [1]), *tensor.shape[2:])
    for dim in reversed(range(len(heads))):
        if heads[dim][0] == "r":
            cut = cut.sum(dim + 1) if add else cut.select(dim + 1, 0)
    return cut.reshape(tensor.shape[0], -1, *tensor.shape[2:])


def groups_of_heads(num_heads: int, key: Arrangement) -> tuple[int, ...]:
    """For each query head, the key-value head that it uses.

    With copies in memory their order tells; else neighbours share, as in grouped-query attention.
    """
    heads = [(letter, size) for letter, size in key.factors if letter in _HEADS]
    if any(letter == "r" for letter, _ in heads):
        return tuple(_group(index, heads) for index in range(num_heads))
    own = prod(size for _, size in heads)
    return tuple(index * own // num_heads for index in range(num_heads))


def _group(index: int, heads: Sequence[tuple[str, int]]) -> int:
    """The index of a head among the factors that are no copies."""
    digits: list[tuple[int, int]] = []
    for letter, size in reversed(heads):
        if letter == "h":
            digits.append((index % size, size))
        index //= size
    group = 0
    for digit, size in reversed(digits):
        group = group * size + digit
    return group
