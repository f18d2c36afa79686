"""What the projections of a site read, followed back to the last sum of two branches."""

from __future__ import annotations

from dataclasses import dataclass, field

from attnprobe.tracing.assembling.stream_ops import before_views, is_projection, is_sum, normalises
from attnprobe.tracing.axes.labelling import short_name
from attnprobe.tracing.reading.scene import Scene

_FARTHEST = 80
_ENDS = frozenset({"embedding", "embedding_bag"})


@dataclass(slots=True)
class Upstream:
    """Tensors from which a projection's operand is made by views, normalisations and scales alone."""

    scene: Scene
    tensors: set[int] = field(default_factory=set)
    ops: set[int] = field(default_factory=set)

    def holds(self, tensor: int, before: int) -> bool:
        """Whether a tensor is one of these, or a view of one."""
        return any(t in self.tensors for t in before_views(self.scene, tensor, before))

    def has_norm_after(self, tensor: int) -> bool:
        """Whether a normalisation lies between a tensor and the projections."""
        own = set(before_views(self.scene, tensor))
        made = max((op.index for t in own if (op := self.scene.maker(t)) is not None), default=-1)
        return any(index > made and normalises(self.scene.ops[index]) for index in self.ops)


def upstream(scene: Scene, tensor: int, before: int) -> Upstream:
    """Everything between the operand `tensor` of op `before` and the last sum, product or embedding."""
    found = Upstream(scene)
    todo: list[tuple[int, int]] = [(tensor, before)]
    while todo and len(found.ops) < _FARTHEST:
        current, limit = todo.pop(0)
        found.tensors.add(current)
        op = scene.maker(current, limit)
        if op is None or op.index in found.ops or _ends(scene, op.index):
            continue
        found.ops.add(op.index)
        todo += [(t, op.index) for t in op.inputs if scene.is_data(t)]
    return found


def _ends(scene: Scene, index: int) -> bool:
    op = scene.ops[index]
    is_product = op.index in scene.contractions or is_projection(scene, op) or "attention" in op.name
    return is_product or is_sum(scene, op) or short_name(op.name) in _ENDS
