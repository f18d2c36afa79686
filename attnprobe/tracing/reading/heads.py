"""Heads, groups, windows, samples: read from the factors of the operands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from attnprobe.tracing.axes.algebra import Dim, Factor, axes_of, flat
from attnprobe.tracing.reading.letters import COPY, batch_letter
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
    """Sort the factors of batch-like dims by what they count, see `batch_letter`."""
    width_axes = axes_of(width)
    position_roots = frozenset(root for dim in positions for root in scene.axes.roots(dim))
    counts = {"n": 1, "w": 1, "h": 1, COPY: 1}
    for factor in flat(dims):
        letter = batch_letter(scene, factor, width_axes, position_roots)
        counts["h" if letter == "w" and windows_are_heads else letter] *= factor[1]
    return Split(counts["n"], counts["w"], counts["h"], counts[COPY])


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
