"""A normalisation that reads a sum and lets nothing of it past: that of a post-norm layer."""

from __future__ import annotations

import heapq

from attnprobe.records import Op
from attnprobe.tracing.assembling.stream_ops import is_projection, is_sum, is_view, lets_pass, normalises
from attnprobe.tracing.reading.scene import Scene

_LONGEST = 20


def normalised(scene: Scene, tensor: int) -> int | None:
    """What a normalisation makes of a tensor that nothing else reads, learned scale and shift included."""
    waiting = list(scene.consumers.get(tensor, ()))
    heapq.heapify(waiting)
    reached = {tensor}
    has_norm = False
    found: int | None = None
    for _ in range(_LONGEST):
        if not waiting:
            return found
        op = scene.ops[heapq.heappop(waiting)]
        if not lets_pass(scene, op) or is_projection(scene, op) or is_sum(scene, op):
            return found
        if found is not None and not _is_affine(scene, op):
            return found
        has_norm |= normalises(op)
        reached.update(op.outputs[:1])
        for index in scene.consumers.get(op.outputs[0], ()):
            if index not in waiting:
                heapq.heappush(waiting, index)
        is_all = all(set(scene.ops[i].inputs) & reached <= set(op.outputs) for i in waiting)
        if has_norm and is_all:
            found = op.outputs[0]
            if len(waiting) != 1:
                return found
    return found


def _is_affine(scene: Scene, op: Op) -> bool:
    """A scale or shift that was learned, or a view or another dtype."""
    return is_view(op) or len([t for t in op.inputs if scene.is_data(t)]) == 1
