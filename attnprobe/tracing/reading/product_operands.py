"""The operands of attention that is made of two products."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod

from attnprobe.records import Core, Operand
from attnprobe.tracing.axes.labelling import Contraction, argument, short_name
from attnprobe.tracing.reading.layouts import (
    Half,
    Layout,
    batch_of,
    looked_up,
    operands,
    plain_pieces,
    position_pieces,
    read_product,
)
from attnprobe.tracing.reading.letters import UNKNOWN, Naming
from attnprobe.tracing.reading.lineage import Path
from attnprobe.tracing.reading.scene import Scene
from attnprobe.tracing.reading.sides import Side


def with_operands(
    scene: Scene,
    core: Core,
    products: tuple[Contraction, Contraction],
    sides: tuple[Side, Side, Side, Side],
    path: Path,
    *,
    windows_are_heads: bool,
) -> Core:
    """The core of normalise(query keyᵀ) value with its operands.

    Its samples and windows are counted anew where both operands together show more than one of them did.

    Args:
        products: That of the scores and that with the values.
        sides: Query and key of the first, weights and values of the second.
        windows_are_heads: Heads were cut from the tokens.
    """
    query, key, weights, values = sides
    first = read_product(
        scene,
        products[0],
        _half(scene, query, "d", position_pieces(query, "l"), windows_are_heads=windows_are_heads),
        _half(scene, key, "d", position_pieces(key, "s"), windows_are_heads=windows_are_heads),
    )
    layouts = {"query": (query.tensor, first.one), "key": (key.tensor, first.other)}
    layouts.update(scores_layout(scene, path, first.naming))
    layouts.update(value_layouts(scene, products[1], weights, values, first.naming))
    core = _recounted(core, first.one)
    return replace(core, operands=operands(core, layouts))


def _recounted(core: Core, query: Layout | None) -> Core:
    pieces = [piece for dim in query or () for piece in dim]
    heads, samples, windows = (prod(n for letter, n in pieces if letter == own) for own in "hnw")
    if query is None or UNKNOWN in dict(pieces) or heads != core.num_heads:
        return core
    return replace(core, batch=samples * windows, windows=windows)


def value_layouts(
    scene: Scene, second: Contraction, weights: Side, values: Side, naming: Naming
) -> dict[str, tuple[int, Layout | None]]:
    """Of weights, values and output, given the names of the axes of the scores."""
    one = Half(
        weights, "s", looked_up(scene, naming, weights.own), lambda dim: looked_up(scene, naming, [dim])[0]
    )
    reading = read_product(scene, second, one, _half(scene, values, "s", plain_pieces(values, "d")))
    output = looked_up(scene, reading.naming, scene.label(second.output).dims)
    return {
        "weights": (weights.tensor, reading.one),
        "value": (values.tensor, reading.other),
        "output": (second.output, output),
    }


def linear_operands(
    scene: Scene,
    core: Core,
    products: tuple[Contraction, Contraction],
    sides: tuple[Side, Side, Side, Side],
) -> Mapping[str, Operand]:
    """Of query (keyᵀ value).

    Args:
        products: That of the state and that with the queries.
        sides: Key and value of the first, state and queries of the second.
    """
    key, value, state, query = sides
    first = read_product(
        scene,
        products[0],
        _half(scene, key, "s", plain_pieces(key, "d")),
        _half(scene, value, "s", plain_pieces(value, "d")),
    )
    naming = first.naming
    held = Half(state, "d", plain_pieces(state, "d"), lambda dim: looked_up(scene, naming, [dim])[0])
    second = read_product(scene, products[1], held, _half(scene, query, "d", position_pieces(query, "l")))
    output = looked_up(scene, second.naming, scene.label(products[1].output).dims)
    return operands(
        core,
        {
            "query": (query.tensor, second.other),
            "key": (key.tensor, first.one),
            "value": (value.tensor, first.other),
            "output": (products[1].output, output),
        },
    )


def scores_layout(scene: Scene, path: Path, naming: Naming) -> dict[str, tuple[int, Layout | None]]:
    """Of the tensor that enters the normaliser; none when that sums over something else than the keys."""
    found = normaliser_input(scene, path)
    if found is None:
        return {}
    tensor, summed = found
    layout = looked_up(scene, naming, scene.label(tensor).dims)
    if summed is not None and any(letter != "s" for letter, _ in layout[summed]):
        return {}
    return {"scores": (tensor, layout)}


def normaliser_input(scene: Scene, path: Path) -> tuple[int, int | None] | None:
    """The tensor that enters the normaliser, and the dim over which a softmax sums.

    An exp is given what it was before its largest entries were taken off, which keeps it finite.
    """
    names = [name for name, _, _ in path.normalised]
    if not names:
        return None
    if "softmax" in names:
        _, index, tensor = path.normalised[names.index("softmax")]
        return tensor, argument(scene.ops[index], 1, "dim", -1)
    if "exp" not in names or "sum" not in names:
        return path.normalised[-1][2], None
    _, index, tensor = path.normalised[names.index("exp")]
    shift = scene.maker(tensor, index)
    if shift is not None and shift.index in path.ops and short_name(shift.name).rstrip("_") == "sub":
        return shift.inputs[0], None
    return tensor, None


def _half(scene: Scene, side: Side, summed: str, free: Layout, *, windows_are_heads: bool = False) -> Half:
    """An operand whose batch-like dims are told by what they descend from."""
    width, positions = (side.contracted, side.own) if summed == "d" else (side.own, side.contracted)
    return Half(side, summed, free, batch_of(scene, width, positions, windows_are_heads=windows_are_heads))
