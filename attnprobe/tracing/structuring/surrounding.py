"""What stands round a site: a residual, a normalisation, a learned scale of its branch."""

from __future__ import annotations

from attnprobe.records import Core, Number, Stream
from attnprobe.tracing.assembling.stream_ops import before_views, normalises
from attnprobe.tracing.axes.labelling import short_name
from attnprobe.tracing.reading.scene import Scene
from attnprobe.tracing.structuring.inside import parts_of

_FARTHEST = 400
_UNKNOWN = "what it starts from and what becomes of its output could not be followed"


def has_residual(stream: Stream) -> Number | str:
    """1, 0, or why it is not known."""
    return _UNKNOWN if stream.has_residual is None else int(stream.has_residual)


def has_normalisation(scene: Scene, core: Core, stream: Stream) -> Number | str:
    """1: something normalises between the products before and after it, or bounds what passes; else 0."""
    if stream.has_residual is None or stream.read is None or stream.branch is None:
        return _UNKNOWN
    if stream.norm != "none":
        return 1
    if stream.exit is not None and _has_learned_scale(scene, stream.branch, stream.exit):
        return "its branch has a learned scale, which can stand for a normalisation"
    others = {t for part in parts_of(core) for t in (part.query, part.key) if t is not None}
    if any(_normalised_before(scene, tensor) for tensor in (stream.read, *others)):
        return 1
    return int(_normalised_after(scene, stream.branch if stream.exit is None else stream.exit))


def _normalised_before(scene: Scene, tensor: int) -> bool:
    """Whether a normalisation is among all that a tensor is made from."""
    todo: list[tuple[int, int | None]] = [(tensor, None)]
    seen: set[int] = set()
    while todo:
        op = scene.maker(*todo.pop())
        if op is None or op.index in seen:
            continue
        seen.add(op.index)
        if _bounds(scene, op.index) or len(seen) > _FARTHEST:
            return True
        todo += [(t, op.index) for t in op.inputs if scene.is_data(t)]
    return False


def _normalised_after(scene: Scene, tensor: int) -> bool:
    """Whether a normalisation is among all that is made from a tensor."""
    todo, seen = [tensor], set[int]()
    while todo:
        for index in scene.consumers.get(todo.pop(), ()):
            if index in seen:
                continue
            seen.add(index)
            if _bounds(scene, index) or len(seen) > _FARTHEST:
                return True
            todo += [t for t in scene.ops[index].outputs if scene.is_data(t)]
    return False


def _bounds(scene: Scene, index: int) -> bool:
    """A normalisation, or a tanh that takes its place (Zhu et al. 2025, arXiv:2503.10622)."""
    op = scene.ops[index]
    return normalises(op) or short_name(op.name).rstrip("_") == "tanh"


def _has_learned_scale(scene: Scene, branch: int, end: int) -> bool:
    """ReZero, LayerScale: the branch is multiplied with a weight before or while it is added."""
    chain = before_views(scene, branch)
    made = scene.maker(end)
    candidates = [scene.maker(t) for t in chain]
    candidates += [scene.maker(t, made.index) for t in made.inputs] if made is not None else []
    return any(
        op is not None
        and short_name(op.name).rstrip("_") in ("mul", "addcmul", "lerp")
        and any(scene.is_weight(t) for t in op.inputs)
        for op in candidates
    )
