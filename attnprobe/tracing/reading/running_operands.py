"""The operands of causal linear attention: query times the running sum of key ⊗ value."""

from __future__ import annotations

from collections.abc import Mapping

from attnprobe.records import Core, Operand
from attnprobe.tracing.axes.algebra import Dim, axes_of, size_of
from attnprobe.tracing.axes.labelling import Contraction
from attnprobe.tracing.reading.layouts import Layout, looked_up, operands
from attnprobe.tracing.reading.letters import Naming, Pieces, batch_pieces
from attnprobe.tracing.reading.scene import Scene
from attnprobe.tracing.reading.sides import Side


def running_operands(
    scene: Scene, core: Core, product: Contraction, sides: tuple[Side, Side], time: Dim
) -> Mapping[str, Operand]:
    """Args: product of the state with the queries; sides, its state and its queries; time, the summed dim."""
    state, query = sides
    naming = Naming(scene)
    for dim in product.batch:
        naming.name(dim, _pieces(scene, dim, query.contracted, time, "l"))
    for dim in state.free:
        naming.name(dim, (("d", size_of(dim)),))
    layouts: dict[str, tuple[int, Layout | None]] = {
        "query": (query.tensor, _query(scene, query, time)),
        "output": (product.output, looked_up(scene, naming, scene.label(product.output).dims)),
    }
    if core.key is not None and core.value is not None:
        layouts["key"] = (core.key, _factor(scene, core.key, core.value, time))
        layouts["value"] = (core.value, _factor(scene, core.value, core.key, time))
    return operands(core, layouts)


def _query(scene: Scene, side: Side, time: Dim) -> Layout:
    dims = scene.label(side.tensor).dims
    return tuple(_own_pieces(scene, dim, side.contracted, time, "l") for dim in dims)


def _factor(scene: Scene, tensor: int, other: int, time: Dim) -> Layout:
    """Letters of one factor of the outer product: where the other has a single entry lies its own width."""
    dims, others = scene.label(tensor).dims, scene.label(other).dims
    width = tuple(dim for dim, beside in zip(dims[::-1], others[::-1], strict=False) if dim and not beside)
    return tuple(_own_pieces(scene, dim, width, time, "s") for dim in dims)


def _own_pieces(scene: Scene, dim: Dim, width: tuple[Dim, ...], time: Dim, row: str) -> Pieces:
    return (("d", size_of(dim)),) if dim and dim in width else _pieces(scene, dim, width, time, row)


def _pieces(scene: Scene, dim: Dim, width: tuple[Dim, ...], time: Dim, row: str) -> Pieces:
    """Positions where the running sum counts; samples and heads otherwise."""
    times = axes_of([time])
    return tuple(
        (row, axis[1]) if axis[0] in times else batch_pieces(scene, (axis,), width, ())[0] for axis in dim
    )
