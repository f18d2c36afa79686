"""The lines of the user's code that do each part of an attention."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attnprobe.records import Core, Location
from attnprobe.tracing.axes.labelling import op_names, short_name
from attnprobe.tracing.reading.scene import Scene
from attnprobe.tracing.structuring.inside import Inside, insides, normalisations, parts_of
from attnprobe.tracing.structuring.masking import fill_of

_CUTS = op_names("view _unsafe_view reshape _reshape_alias unflatten split split_with_sizes chunk unbind")
_LONGEST = 40


def lines_of(scene: Scene, core: Core) -> Mapping[str, Location]:
    """Scores, normaliser, values, mask, and where query, key and value were cut into heads."""
    part = parts_of(core)[0]
    seen = insides(scene, part)
    found = {
        "scores": _first(scene, part.score_ops),
        "normaliser": _first(scene, part.score_ops if seen is None else _normaliser(scene, seen[0])),
        "values": _first(scene, part.value_ops),
        "mask": _first(scene, _masks(scene, part, seen)),
        **{
            role: _first(scene, _cut(scene, tensor, width))
            for role, tensor, width in (
                ("query", part.query, part.head_dim),
                ("key", part.key, part.head_dim),
                ("value", part.value, part.value_dim),
            )
            if tensor is not None
        },
    }
    return {name: location for name, location in found.items() if location is not None}


def location_of(scene: Scene, op: int | None) -> Location | None:
    """The user's line of an op."""
    return None if op is None else scene.ops[op].location


def _first(scene: Scene, ops: Iterable[int]) -> Location | None:
    return next((place for op in ops if (place := scene.ops[op].location) is not None), None)


def _normaliser(scene: Scene, inside: Inside) -> list[int]:
    found = [each.op for each in normalisations(scene, inside)]
    return found or [op for _, op, _ in reversed(inside.path.normalised)]


def _masks(scene: Scene, part: Core, seen: tuple[Inside, ...] | None) -> list[int]:
    """What hides scores; else what fills something else into them."""
    if part.mask_ops or seen is None:
        return list(part.mask_ops)
    return [step.op for step in seen[0].steps if fill_of(scene, step) is not None]


def _cut(scene: Scene, tensor: int, width: int) -> list[int]:
    """The view that first shows heads of a width, on the way from the projection; else the projection."""
    found: list[int] = []
    before: int | None = None
    for _ in range(_LONGEST):
        op = scene.maker(tensor, before)
        if op is None or not op.inputs:
            return found
        if op.index in scene.contractions or "convolution" in op.name:
            return found or [op.index]
        shape = scene.tensors[op.outputs[0]].shape if op.outputs else ()
        if short_name(op.name) in _CUTS and shape[-1:] == (width,):
            found = [op.index]
        data = next((t for t in op.inputs if scene.is_data(t)), None)
        if data is None:
            return found
        tensor, before = data, op.index
    return found
