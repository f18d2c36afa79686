"""What the factors of a tensor count, as letters: n samples, w windows, h heads, r copies, l, s, d.

The letters of a product's operands name the axes of its output; those of later tensors are looked up there.
An axis may have several: the rows of a weight count heads with long strides and features with short ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

from attnprobe.tracing.axes.algebra import Dim, Factor, axes_of
from attnprobe.tracing.reading.scene import Scene

Piece = tuple[str, int]  # letter, size
Pieces = tuple[Piece, ...]
COPY, UNKNOWN = "r", ""


def batch_letter(
    scene: Scene, factor: Factor, width_axes: frozenset[int], position_roots: frozenset[int]
) -> str:
    """What a factor counts beside the positions and the width of an operand.

    A factor of a weight's rows, or of the axis that the width is cut from, counts heads; one of the axis that
    the positions are cut from counts windows; a broadcast one counts copies; the rest are samples.
    """
    record = scene.axes.all[factor[0]]
    if record.kind == "broadcast":
        return COPY
    if factor[0] in width_axes or scene.is_weight_axis(factor[0]):
        return "h"
    return "w" if record.roots & position_roots else "n"


def batch_pieces(
    scene: Scene,
    dim: Dim,
    width: Iterable[Dim],
    positions: Iterable[Dim],
    *,
    windows_are_heads: bool = False,
) -> Pieces:
    """Letters of a batch-like dim; a factor that descends from positions and others alike has none."""
    width_axes = axes_of(width)
    roots = frozenset(root for position in positions for root in scene.axes.roots(position))
    found: list[Piece] = []
    for factor in dim:
        letter = batch_letter(scene, factor, width_axes, roots)
        record = scene.axes.all[factor[0]]
        is_mixed = record.kind == "mixed" and len(record.roots) > 1
        if is_mixed or (letter == "w" and not record.roots <= roots):
            letter = UNKNOWN
        elif letter == "w" and windows_are_heads:
            letter = "h"
        found.append((letter, factor[1]))
    return tuple(found)


def refined(one: Sequence[int], other: Sequence[int]) -> list[tuple[int, int, int]] | None:
    """Cut two lists of sizes with the same product at the boundaries of both, outermost first.

    Returns:
        (index into one, index into other, size) of each cut; None where the boundaries do not fit.
    """
    if prod(one) != prod(other):
        return None
    left, right = [(i, n) for i, n in enumerate(one) if n > 1], [(i, n) for i, n in enumerate(other) if n > 1]
    left.reverse()
    right.reverse()
    found: list[tuple[int, int, int]] = []
    while left and right:
        (i, a), (j, b) = left.pop(), right.pop()
        size = min(a, b)
        if a % size or b % size:
            return None
        found.append((i, j, size))
        if a > size:
            left.append((i, a // size))
        if b > size:
            right.append((j, b // size))
    return found


def agreed(one: Pieces, other: Pieces) -> tuple[Pieces, Pieces] | None:
    """Letters of two dims that are multiplied entry by entry, each told by whichever knows.

    Returns:
        Letters of both, cut alike. A factor that is a copy in `one` keeps what `other` says, and the other
        way round; copies in both are samples (of a decoder that starts from learned queries).
    """
    cuts = refined([size for _, size in one], [size for _, size in other])
    if cuts is None:
        return None
    letters = [_stronger(one[i][0], other[j][0]) for i, j, _ in cuts]
    named = tuple((letter, size) for letter, (_, _, size) in zip(letters, cuts, strict=True))
    copies = tuple(
        (COPY, size) if letter == "h" and other[j][0] == COPY else (letter, size)
        for letter, (_, j, size) in zip(letters, cuts, strict=True)
    )
    return named, copies


def _stronger(one: str, other: str) -> str:
    if one == other == COPY:
        return "n"
    return next((letter for letter in "hwn" if letter in (one, other)), UNKNOWN)


class Naming:
    """Letters of axes, by stretches: an axis' steps of stride `low` up to, not including, `high`."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._known: dict[int, list[tuple[int, int, str]]] = {}

    def name(self, dim: Dim, pieces: Pieces) -> None:
        """Give the factors of a dim the letters of pieces that multiply to the same size."""
        cuts = refined([size for _, size, _ in dim], [size for _, size in pieces])
        left = [size for _, size, _ in dim]
        for i, j, size in cuts or ():
            axis, _, stride = dim[i]
            left[i] //= size
            low = stride * left[i]
            self._known.setdefault(axis, []).append((low, low * size, pieces[j][0]))

    def pieces(self, dim: Dim) -> Pieces:
        """Letters of a dim, outermost first; `UNKNOWN` where the axis has none."""
        return tuple(piece for factor in dim for piece in self._pieces_of(factor))

    def _pieces_of(self, factor: Factor) -> Pieces:
        axis, size, stride = factor
        found: list[Piece] = []
        low, top = stride, stride * size
        while low < top:
            stretch = next((s for s in self._known.get(axis, ()) if s[0] <= low < s[1]), None)
            end = top if stretch is None else min(stretch[1], top)
            if stretch is None or end % low or top % end:
                return ((self._inherited(axis), size),)
            found.append((stretch[2], end // low))
            low = end
        return tuple(reversed(found))

    def _inherited(self, axis: int) -> str:
        """The one letter of all axes that an axis descends from, if they have one."""
        record = self._scene.axes.all[axis]
        if record.kind == "mixed":
            return UNKNOWN
        letters = {
            letter
            for parent in record.parents
            for letter in ({s[2] for s in self._known[parent]} if parent in self._known else {UNKNOWN})
        }
        return letters.pop() if len(letters) == 1 else UNKNOWN
