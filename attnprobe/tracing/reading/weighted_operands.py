"""The operands of attention whose scores are no product of queries and keys, and of gates."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from attnprobe.records import Core, Operand
from attnprobe.tracing.axes.algebra import Dim, flat
from attnprobe.tracing.axes.labelling import Contraction
from attnprobe.tracing.reading.layouts import (
    Half,
    Layout,
    batch_of,
    looked_up,
    operands,
    plain_pieces,
    read_product,
)
from attnprobe.tracing.reading.letters import UNKNOWN, Naming, Pieces
from attnprobe.tracing.reading.lineage import Path
from attnprobe.tracing.reading.product_operands import scores_layout
from attnprobe.tracing.reading.scene import Scene
from attnprobe.tracing.reading.sides import Side


def weighted_operands(
    scene: Scene,
    core: Core,
    product: Contraction,
    sides: tuple[Side, Side],
    path: Path,
    samples: Dim,
) -> Mapping[str, Operand]:
    """Of normalise(scores) value.

    Args:
        sides: The weights and the values.
        samples: The factors of the weights' own dims that count samples.
    """
    weights, values = sides
    own = tuple(
        tuple(("n" if factor in samples else "l", factor[1]) for factor in dim) for dim in weights.own
    )
    one = Half(weights, "s", own, batch_of(scene, (), (*weights.contracted, *weights.own)))
    other = Half(values, "s", plain_pieces(values, "d"), batch_of(scene, values.own, values.contracted))
    reading = read_product(scene, product, one, other)
    naming = reading.naming
    layouts: dict[str, tuple[int, Layout | None]] = {
        "weights": (weights.tensor, reading.one),
        "value": (values.tensor, reading.other),
        "output": (product.output, looked_up(scene, naming, scene.label(product.output).dims)),
    }
    for dim, pieces in zip(weights.contracted, plain_contracted(weights), strict=True):
        naming.name(dim, pieces)
    layouts.update(scores_layout(scene, path, naming))
    for role, tensor, letter, rows in (
        ("query", core.query, "l", weights.own),
        ("key", core.key, "s", (*weights.contracted, *values.contracted)),
    ):
        if tensor is not None and scene.is_data(tensor):
            layouts[role] = (tensor, _scored(scene, naming, tensor, letter, rows))
    return operands(core, layouts)


def plain_contracted(side: Side) -> Sequence[Pieces]:
    """The letter of the keys for every dim that the product sums."""
    return [tuple(("s", size) for _, size, _ in dim) for dim in side.contracted]


def _scored(scene: Scene, naming: Naming, tensor: int, letter: str, rows: Sequence[Dim]) -> Layout:
    """Letters of queries or keys: a weight's rows are width, what is related to `rows` is positions."""
    return tuple(
        tuple((_scored_letter(scene, naming, factor, letter, rows), factor[1]) for factor in dim)
        for dim in scene.label(tensor).dims
    )


def _scored_letter(
    scene: Scene, naming: Naming, factor: tuple[int, int, int], letter: str, rows: Sequence[Dim]
) -> str:
    if scene.is_weight_axis(factor[0]):
        return "d"
    known = {name for name, _ in naming.pieces((factor,))}
    if known == {"n"}:
        return "n"
    return letter if scene.related((factor,), flat(rows)) else UNKNOWN


def gate_operands(scene: Scene, core: Core, features: int, kept: Collection[int]) -> Mapping[str, Operand]:
    """Of gate * features: what the gate tells apart are the positions, the rest is the width.

    Args:
        kept: Dims along which the gate differs.
    """
    shape = scene.tensors[features].shape

    def layout(letter: str) -> Layout:
        return tuple(
            ((("n" if dim == 0 else letter if dim in kept else "d"), size),) for dim, size in enumerate(shape)
        )

    found = {"value": (features, layout("s"))}
    if scene.tensors[core.output].shape == shape:
        found["output"] = (core.output, layout("l"))
    return operands(core, found)
