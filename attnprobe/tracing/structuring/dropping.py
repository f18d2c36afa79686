"""Dropout that acts."""

from __future__ import annotations

from collections.abc import Iterator

from attnprobe.records import Core, Op
from attnprobe.tracing.assembling.stream_ops import is_inside
from attnprobe.tracing.axes.labelling import short_name
from attnprobe.tracing.reading.scene import Scene

_DROPOUTS = frozenset({"native_dropout", "bernoulli", "_fused_dropout"})
_FUSED = "scaled_dot_product"


def dropout_op(scene: Scene, core: Core, module: str) -> tuple[int, float] | None:
    """The op by which the site drops something, and with which probability; None when it does not.

    Looked for in the core and, where the site has a module of its own, in all of that module.
    """
    first, last = min(core.score_ops), max(core.value_ops)
    inside = range(first, last + 1)
    if core.dropout > 0:
        places = [i for i in inside if _FUSED in scene.ops[i].name or _probability(scene.ops[i]) > 0]
        return min(places, default=first), core.dropout
    nearby = _of_call(scene, first, module) if module else inside
    found = [(i, p) for i in nearby if (p := _probability(scene.ops[i])) > 0]
    return min(found) if found else None


def _of_call(scene: Scene, place: int, module: str) -> Iterator[int]:
    """Ops round a place that ran in a module without a break."""
    for step, end in ((-1, -1), (1, scene.end)):
        index = place if step > 0 else place - 1
        while index != end and is_inside(scene.ops[index].module, module):
            yield index
            index += step


def _probability(op: Op) -> float:
    """Of the dropout that an op is; 0 when it is none."""
    name = short_name(op.name).rstrip("_")
    if name not in _DROPOUTS:
        return 0.0
    given = next((a for a in op.arguments[1:] if isinstance(a, float)), 0.0)
    return 1 - given if name == "bernoulli" else given
