"""The sum by which linear attention divides: products of the queries with one vector per head."""

from __future__ import annotations

from attnprobe.tracing.axes.labelling import Contraction, op_names, short_name
from attnprobe.tracing.reading.scene import Scene

_VIEWS = op_names(
    "expand view _unsafe_view reshape clone transpose permute unsqueeze squeeze mul",
)


def denominator(scene: Scene, second: Contraction, queries: int) -> tuple[int, ...]:
    """Ops that multiply the same queries with a sum over the keys."""
    operand = queries
    before: int | None = None
    while (op := scene.maker(operand, before)) is not None and short_name(op.name) in _VIEWS:
        operand, before = op.inputs[0], op.index
    found, todo = [], [operand]
    while todo:
        for index in scene.consumers.get(todo.pop(), ()):
            product = scene.contractions.get(index)
            if product is not None and index != second.op and index not in scene.claimed:
                sides = (product.lhs_free, product.rhs_free)
                if product.contracted_size == second.contracted_size and any(not any(dims) for dims in sides):
                    found.append(index)
            elif short_name(scene.ops[index].name) in _VIEWS:
                todo += scene.ops[index].outputs
    return tuple(found)
