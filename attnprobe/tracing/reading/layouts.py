"""How the tensors of a core lie in memory: a letter for every factor of every dim, or nothing at all.

A product tells most: what it sums is the width of queries and keys (or the keys of weights and values), what
only one operand has are its positions, and dims that both have are samples, windows and heads, which either
of the two may show. The output's axes are named after that, and everything between the products is looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import prod
from operator import itemgetter

from attnprobe.records import Core, Operand
from attnprobe.tracing.axes.algebra import Dim, axes_of, size_of
from attnprobe.tracing.axes.labelling import Contraction
from attnprobe.tracing.reading.letters import UNKNOWN, Naming, Pieces, agreed, batch_pieces
from attnprobe.tracing.reading.scene import Scene
from attnprobe.tracing.reading.sides import Side, other_dims

Layout = tuple[Pieces, ...]  # per dim of a tensor


@dataclass(frozen=True, slots=True)
class Half:
    """One operand of a product, and how its dims are read before the other operand is seen."""

    side: Side
    summed: str  # letter of the dims that the product sums
    free: tuple[Pieces, ...]  # of the dims that only it has
    batch: Callable[[Dim], Pieces]


@dataclass(frozen=True, slots=True)
class Reading:
    """Both operands of a product and the names of its output's axes. None: could not be told."""

    one: Layout | None
    other: Layout | None
    naming: Naming


def read_product(scene: Scene, product: Contraction, one: Half, other: Half) -> Reading:
    """Letters of a product's operands. Copies in `other` (keys, values) are told from heads."""
    naming = Naming(scene)
    for half in (one, other):
        for dim, pieces in zip(half.side.free, half.free, strict=True):
            naming.name(dim, pieces)
    left = [dim for dim in other_dims(scene, one.side) if dim]
    right = [dim for dim in other_dims(scene, other.side) if dim]
    named = [dim for dim in product.batch if dim]
    if not len(left) == len(right) == len(named):
        return Reading(None, None, naming)
    pairs = [agreed(one.batch(a), other.batch(b)) for a, b in zip(left, right, strict=True)]
    for dim, pair in zip(named, pairs, strict=True):
        if pair is not None:
            naming.name(dim, pair[0])
    return Reading(
        _layout(scene, one, [pair and pair[0] for pair in pairs]),
        _layout(scene, other, [pair and pair[1] for pair in pairs]),
        naming,
    )


def _layout(scene: Scene, half: Half, batch: Sequence[Pieces | None]) -> Layout | None:
    """Letters of every dim of an operand; None when its label has changed since the product."""
    summed = [dim for dim in half.side.contracted if dim]
    own = [(dim, pieces) for dim, pieces in zip(half.side.own, half.free, strict=True) if dim]
    shared = list(reversed(batch))
    found: list[Pieces] = []
    for dim in scene.label(half.side.tensor).dims:
        mine = next((pair for pair in own if pair[0] == dim), None)
        if not dim:
            found.append(())
        elif dim in summed:
            summed.remove(dim)
            found.append(((half.summed, size_of(dim)),))
        elif mine is not None:
            own.remove(mine)
            found.append(mine[1])
        else:
            pieces = shared.pop() if shared else None
            if pieces is None:
                return None
            found.append(pieces)
    return None if summed or own else tuple(found)


def position_pieces(side: Side, letter: str) -> tuple[Pieces, ...]:
    """Letters of the dims that only one operand has: heads folded in outside of the positions, and those."""
    width_axes = axes_of(side.contracted)
    is_folded = sum(map(len, side.own)) > 1
    found: list[Pieces] = []
    is_position = False
    for dim in side.own:
        pieces: list[tuple[str, int]] = []
        for axis, size, _ in dim:
            is_position |= not (is_folded and axis in width_axes)
            pieces.append((letter if is_position else "h", size))
        found.append(tuple(pieces))
    return tuple(found)


def plain_pieces(side: Side, letter: str) -> tuple[Pieces, ...]:
    """The same letter for every dim that only one operand has."""
    return tuple(((letter, size_of(dim)),) if dim else () for dim in side.own)


def batch_of(
    scene: Scene, width: Sequence[Dim], positions: Sequence[Dim], *, windows_are_heads: bool = False
) -> Callable[[Dim], Pieces]:
    """How the batch-like dims of an operand are read when nothing else is known."""
    return lambda dim: batch_pieces(scene, dim, width, positions, windows_are_heads=windows_are_heads)


def looked_up(scene: Scene, naming: Naming, dims: Sequence[Dim]) -> Layout:
    """Letters of dims by the names of their axes; unnamed rows of a weight are heads that were mixed."""
    return tuple(
        tuple(
            ("h", size) if letter == UNKNOWN and _are_rows(scene, dim) else (letter, size)
            for letter, size in naming.pieces(dim)
        )
        for dim in dims
    )


def _are_rows(scene: Scene, dim: Dim) -> bool:
    return all(scene.is_weight_axis(axis) for axis, _, _ in dim)


def operands(core: Core, layouts: Mapping[str, tuple[int, Layout | None]]) -> dict[str, Operand]:
    """The operands whose letters are all known and count what the core says."""
    return {
        role: Operand(tensor, tuple(_united(pieces) for pieces in layout))
        for role, (tensor, layout) in layouts.items()
        if layout is not None and _fits(core, role, layout)
    }


def _united(pieces: Pieces) -> Pieces:
    """Neighbours of one letter as one piece, without those of size 1."""
    return tuple(
        (letter, prod(n for _, n in run))
        for letter, run in groupby((p for p in pieces if p[1] > 1), itemgetter(0))
    )


_ROWS = {"query": "ld", "key": "sd", "value": "sd", "output": "ld", "weights": "ls", "scores": "ls"}


def _fits(core: Core, role: str, layout: Layout) -> bool:
    """Whether sizes multiply to the numbers of the core, and no letter stands where it means nothing."""
    pieces = [piece for dim in layout for piece in dim if piece[1] != 1]
    is_key = role in ("key", "value")
    if any(letter not in "nwh" + _ROWS[role] + ("r" if is_key else "") or not letter for letter, _ in pieces):
        return False
    counts = {letter: prod(size for known, size in pieces if known == letter) for letter in "nwhrlsd"}
    width = core.head_dim if role in ("query", "key") else core.value_dim
    wanted = {"l": core.q_len, "s": core.kv_len, "d": width}
    if any(counts[letter] != wanted[letter] for letter in _ROWS[role]):
        return False
    if counts["n"] * counts["w"] != core.batch:
        return False
    if not is_key:
        return counts["h"] == core.num_heads
    return counts["h"] == core.num_kv_heads and counts["r"] in (1, core.num_heads // core.num_kv_heads)
