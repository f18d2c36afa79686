"""Heads, groups, windows, samples: read from the factors of the operands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from attnprobe.tracing.axes.algebra import Dim, Factor, axes_of, flat
from attnprobe.tracing.reading.scene import Scene


@dataclass(frozen=True, slots=True)
class Split:
    """What the dims of one operand, besides its positions and its width, count."""

    batch: int
    windows: int
    heads: int
    repeats: int  # entries that are copies by broadcasting


def split(
    scene: Scene,
    dims: Iterable[Dim],
    width: Iterable[Dim],
    positions: Iterable[Dim],
    *,
    windows_are_heads: bool = False,
) -> Split:
    """Sort the factors of batch-like dims.

    A factor of a weight's rows, or of the axis that the width is cut from, counts heads; one of the axis that
    the positions are cut from counts windows; a broadcast one counts copies; the rest are samples.
    """
    width_axes = axes_of(width)
    position_roots = {root for dim in positions for root in scene.axes.roots(dim)}
    batch = windows = heads = repeats = 1
    for axis, size, _ in flat(dims):
        record = scene.axes.all[axis]
        if record.kind == "broadcast":
            repeats *= size
        elif axis in width_axes or scene.is_weight_axis(axis):
            heads *= size
        elif record.roots & position_roots:
            if windows_are_heads:
                heads *= size
            else:
                windows *= size
        else:
            batch *= size
    return Split(batch, windows, heads, repeats)


def positions_in(scene: Scene, dim: Dim, width: Iterable[Dim]) -> tuple[Dim, Dim]:
    """The factors of a positions dim that count positions, and the heads folded into it outside of them.

    A width's factor *inside* of the positions is no head: there tokens and features are mixed, see
    `is_scrambled`.
    """
    width_axes = axes_of(width)
    own: list[Factor] = []
    folded: list[Factor] = []
    for factor in dim:
        is_head = len(dim) > 1 and factor[0] in width_axes and not own
        (folded if is_head else own).append(factor)
    return tuple(own), tuple(folded)


def is_scrambled(scene: Scene, dim: Dim, width: Iterable[Dim]) -> bool:
    """Whether a positions dim holds a piece of the width inside of the tokens: no transpose cut the heads."""
    width_axes = axes_of(width)
    return any(inner[0] in width_axes and outer[0] not in width_axes for outer, inner in pairwise(dim))
