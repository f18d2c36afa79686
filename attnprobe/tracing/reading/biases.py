"""Masks inside what is added to the scores."""

from __future__ import annotations

from collections.abc import Sequence

from attnprobe.tracing.reading.scene import Scene

_FARTHEST = 40


def masks_inside(scene: Scene, tensors: Sequence[int]) -> tuple[int, ...]:
    """Ops that applied a mask on the way to these tensors: a position bias plus a mask, say."""
    found: list[int] = []
    todo: list[tuple[int, int | None]] = [(tensor, None) for tensor in tensors]
    seen: set[int] = set()
    while todo and len(seen) < _FARTHEST:
        op = scene.maker(*todo.pop())
        if op is None or op.index in seen or op.index in scene.contractions:
            continue
        seen.add(op.index)
        if op.mask is not None:
            found.append(op.index)
        todo += [(tensor, op.index) for tensor in op.inputs]
    return tuple(sorted(found))
