"""The way from the scores of a core to its values, once more, with the axes at every step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from attnprobe.records import Core
from attnprobe.tracing.axes.algebra import axes_of
from attnprobe.tracing.axes.labelling import Contraction, argument, short_name
from attnprobe.tracing.axes.reductions import reduced_dims
from attnprobe.tracing.reading.lineage import Path, Step, walk_back
from attnprobe.tracing.reading.scene import Scene
from attnprobe.tracing.reading.sides import Side, sides

SOFTMAX = frozenset({"softmax", "_softmax", "_safe_softmax", "log_softmax", "_log_softmax"})


@dataclass(frozen=True, slots=True)
class Inside:
    """A core of two products, and what lies between them."""

    core: Core
    first: Contraction  # the product of queries and keys
    weights: Side
    path: Path

    @property
    def steps(self) -> list[Step]:
        """From the scores to the values."""
        return self.path.steps[::-1]


@dataclass(frozen=True, slots=True)
class Normalisation:
    """A softmax, or an exp that is divided by its sum."""

    op: int
    place: int  # index into the steps
    over: str  # "keys", "queries", "" for anything else


def parts_of(core: Core) -> tuple[Core, ...]:
    """The cores of which one was put together; itself when of none."""
    return core.parts or (core,)


def insides(scene: Scene, core: Core) -> tuple[Inside, ...] | None:
    """One per part; None where the code between the products is not seen, as in a fused kernel."""
    found = []
    for part in parts_of(core):
        second = scene.contractions.get(part.value_ops[-1])
        if second is None:
            return None
        weights = next((one for one, other in sides(second) if other.tensor == part.value), None)
        if weights is None:
            return None
        path = walk_back(scene, weights.tensor, weights.contracted, weights.free)
        if path.source is None:
            return None
        found.append(Inside(part, path.source, weights, path))
    return tuple(found)


def normalisations(scene: Scene, inside: Inside) -> Iterator[Normalisation]:
    """Every softmax on the way, from the scores on."""
    for place, step in enumerate(inside.steps):
        dims = _normalised_dims(scene, step)
        if dims is None:
            continue
        axes, names = dims, (("keys", step.summed), ("queries", step.free))
        yield Normalisation(step.op, place, next((name for name, own in names if axes & own), ""))


def _normalised_dims(scene: Scene, step: Step) -> frozenset[int] | None:
    """The axes over which an op normalises; None when it is no softmax."""
    op = scene.ops[step.op]
    name = short_name(op.name)
    if name in SOFTMAX:
        dims = scene.label(step.carrier).dims
        dim = argument(op, 1, "dim", -1)
        return axes_of((dims[dim],)) if dims else frozenset()
    if name.rstrip("_") in ("div", "true_divide"):
        return _summed_axes(scene, step)
    return None


def _summed_axes(scene: Scene, step: Step) -> frozenset[int] | None:
    """The axes that the divisor of a quotient sums over; None when it is no sum."""
    op = scene.ops[step.op]
    tensor = next((t for t in op.inputs if t != step.carrier), None)
    before = op.index
    for _ in range(4):
        maker = None if tensor is None else scene.maker(tensor, before)
        if maker is None or not maker.inputs:
            return None
        if short_name(maker.name) in ("sum", "linalg_vector_norm"):
            dims = scene.label(maker.inputs[0]).dims
            return axes_of(dims[dim] for dim in reduced_dims(scene.labelling, maker))
        tensor, before = maker.inputs[0], maker.index
    return None
