"""Who attends to whom: self, cross, or learned queries that pool."""

from __future__ import annotations

from attnprobe.records import Role
from attnprobe.tracing.axes.labelling import short_name
from attnprobe.tracing.reading.scene import Scene

_VIEWS = frozenset({"view", "_unsafe_view", "t", "transpose", "clone"})


def role_of(scene: Scene, query: int, key: int, positions: int) -> Role:
    """self when queries and keys come from the same positions, pooling for learned queries, else cross.

    Args:
        positions: Index of the dim of both that counts positions.
    """
    if scene.is_weight(query):
        return "pooling"
    q_dim, k_dim = scene.label(query).dims[positions], scene.label(key).dims[positions]
    if not q_dim or not k_dim:
        return _role_by_source(scene, query, key)
    if scene.related(q_dim, k_dim):
        return "self"
    if all(scene.is_weight_axis(axis) for axis, _, _ in q_dim):
        return "pooling"
    return "cross"


def _role_by_source(scene: Scene, query: int, key: int) -> Role:
    """With a single query (or key) its axis is gone: the same source tensor means self-attention."""
    one, other = _source(scene, query), _source(scene, key)
    return "self" if one is not None and one == other else "cross"


def _source(scene: Scene, tensor: int) -> int | None:
    """The tensor from which an operand was projected."""
    before: int | None = None
    for _ in range(40):
        op = scene.maker(tensor, before)
        if op is None:
            return None
        contraction = scene.contractions.get(op.index)
        if contraction is not None:
            data = contraction.lhs if scene.is_data(contraction.lhs) else contraction.rhs
            return _before_views(scene, data)
        if not op.inputs:
            return None
        computed = (t for t in op.inputs if scene.tensors[t].needs_weights)
        tensor, before = next(computed, op.inputs[0]), op.index
    return None


def _before_views(scene: Scene, tensor: int) -> int:
    before: int | None = None
    while (op := scene.maker(tensor, before)) is not None and short_name(op.name) in _VIEWS:
        tensor, before = op.inputs[0], op.index
    return tensor
