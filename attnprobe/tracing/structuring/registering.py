"""Weights that the model does not have: made in the forward, or kept where `parameters()` does not look."""

from __future__ import annotations

from collections.abc import Iterator

from attnprobe.records import Core
from attnprobe.tracing.assembling.stream_ops import is_inside
from attnprobe.tracing.reading.scene import Scene
from attnprobe.tracing.structuring.inside import parts_of

_FARTHEST = 60


def unregistered(scene: Scene, core: Core, module: str) -> list[tuple[int, int]]:
    """(tensor, first op that reads it) of the weights that make queries, keys, values, scores or output.

    Args:
        module: Of the site; within it the walk goes on beyond the nearest product.
    """
    found: dict[int, int] = {}
    for op_index in _ops_of(scene, core, module):
        for tensor in scene.ops[op_index].inputs:
            if scene.tensors[tensor].origin == "unregistered":
                found[tensor] = min(op_index, found.get(tensor, op_index))
    return sorted(found.items(), key=lambda pair: pair[1])


def _ops_of(scene: Scene, core: Core, module: str) -> Iterator[int]:
    """The core's ops and those before it, up to its projections or as far as its module goes."""
    parts = parts_of(core)
    own = {i for part in parts for i in (*part.score_ops, *part.inner_ops, *part.value_ops)}
    yield from own
    seen = set(own)
    todo: list[tuple[int, int | None]] = [
        (t, None) for part in parts for t in (part.query, part.key, part.value) if t is not None
    ]
    while todo and len(seen) < len(own) + _FARTHEST:
        op = scene.maker(*todo.pop())
        if op is None or op.index in seen:
            continue
        seen.add(op.index)
        yield op.index
        is_projection = op.index in scene.contractions or "convolution" in op.name
        if is_projection and not (module and is_inside(op.module, module)):
            # the view of its weight: a transpose, say
            yield from (w.index for t in op.inputs if (w := scene.maker(t, op.index)) and scene.is_weight(t))
            continue
        todo += [(t, op.index) for t in op.inputs if scene.tensors[t].needs_weights]
    if module:
        first = min(own)
        for step, end in ((-1, -1), (1, scene.end)):
            index = first
            while index != end and is_inside(scene.ops[index].module, module):
                yield index
                index += step
