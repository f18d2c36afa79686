"""The two operands of a product."""

from __future__ import annotations

from dataclasses import dataclass

from attnprobe.tracing.axes.algebra import Dim
from attnprobe.tracing.axes.labelling import Contraction, short_name
from attnprobe.tracing.reading.scene import Scene


@dataclass(frozen=True, slots=True)
class Side:
    """One operand of a product: its tensor, the dims it sums, the dims only it has."""

    tensor: int
    contracted: tuple[Dim, ...]
    free: tuple[Dim, ...]  # as the product's output names them
    own: tuple[Dim, ...]  # as the operand names them


def sides(product: Contraction) -> tuple[tuple[Side, Side], tuple[Side, Side]]:
    """(left, right) and (right, left)."""
    left = Side(product.lhs, product.lhs_contracted, product.lhs_free, product.lhs_own)
    right = Side(product.rhs, product.rhs_contracted, product.rhs_free, product.rhs_own)
    return (left, right), (right, left)


def other_dims(scene: Scene, side: Side) -> tuple[Dim, ...]:
    """Dims of an operand that are neither summed nor its own: samples, windows, heads."""
    rest = list(scene.label(side.tensor).dims)
    for dim in (*side.contracted, *side.own):
        if dim in rest:
            rest.remove(dim)
    return tuple(rest)


def product_ops(scene: Scene, product: Contraction) -> tuple[int, ...]:
    """The ops of a product: one, or for (a * b).sum() the multiplication as well."""
    made = scene.labelling.maker(scene.ops[product.op].inputs[0], product.op)
    if short_name(scene.ops[product.op].name) == "sum" and made is not None:
        return made, product.op
    return (product.op,)
