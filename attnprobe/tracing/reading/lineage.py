"""Walking from the weights that meet the values back to what made them."""

from __future__ import annotations

from dataclasses import dataclass, field

from attnprobe.records import Op, Ref
from attnprobe.tracing.axes.algebra import Dim
from attnprobe.tracing.axes.labelling import Contraction, short_name
from attnprobe.tracing.reading.scene import Scene

_LONGEST_PATH = 60

SOFTMAX = frozenset({"softmax", "_softmax", "_safe_softmax", "_log_softmax", "log_softmax"})
_NORMALISERS = {
    "sigmoid": "sigmoid", "hardsigmoid": "sigmoid", "relu": "relu", "silu": "silu", "gelu": "gelu", "tanh": "tanh",
    "elu": "elu", "exp": "exp", "softplus": "softplus",
}  # fmt: skip
_SCALES = frozenset({"mul", "div", "true_divide"})
_DROPOUTS = frozenset({"native_dropout", "dropout", "bernoulli", "_fused_dropout"})


@dataclass(slots=True)
class Path:
    """The way from a product of scores to the product with the values, walked backwards."""

    ops: list[int] = field(default_factory=list)
    softmax_axes: frozenset[int] = frozenset()  # axes that a softmax on the way normalises over
    normalisers: list[str] = field(default_factory=list)
    scale: float | None = 1.0  # None: a learned or unknown factor
    is_scaled: bool = False
    dropout: float = 0.0
    masks: list[int] = field(default_factory=list)
    mixes_heads: bool = False
    side: list[int] = field(default_factory=list)  # tensors added or multiplied in: biases, masks
    source: Contraction | None = None  # the product that made the scores
    origin: Op | None = None  # where the walk ended otherwise
    free: frozenset[int] = frozenset()  # the tracked axes as they are named at the source
    summed: frozenset[int] = frozenset()


def walk_back(scene: Scene, tensor: int, summed: Dim | tuple[Dim, ...], free: tuple[Dim, ...]) -> Path:
    """Follow the operand that carries both the summed and the free axes, from `tensor` to where they met.

    Args:
        tensor: The attention weights as they enter the product with the values.
        summed: Their dim over which that product sums (the keys).
        free: Their other dims (queries, heads, batch).
    """
    path = Path()
    path.summed = _axes_of(summed)
    path.free = _axes_of(free)
    for _ in range(_LONGEST_PATH):
        op = scene.maker(tensor)
        if op is None:
            return path
        contraction = scene.contractions.get(op.index)
        if contraction is not None:
            mixed = _through_mixing(scene, contraction, path)
            if mixed is None:
                path.source, path.origin = contraction, op
                return path
            path.mixes_heads = True
            path.ops.append(op.index)
            tensor = mixed
            continue
        following = _carrier(scene, op, path)
        if following is None:
            path.origin = op
            return path
        _note(scene, op, following, path)
        path.ops.append(op.index)
        _rename(scene, op, path)
        tensor = following
    return path


def _axes_of(dims: Dim | tuple[Dim, ...]) -> frozenset[int]:
    flat = [f for dim in dims for f in (dim if dim and isinstance(dim[0], tuple) else (dim,))]
    return frozenset(factor[0] for factor in flat if factor)  # type: ignore[misc]


def _through_mixing(scene: Scene, contraction: Contraction, path: Path) -> int | None:
    """The operand to follow when a product only mixes heads: both tracked axes pass through it untouched."""
    for data, weight in ((contraction.lhs, contraction.rhs), (contraction.rhs, contraction.lhs)):
        axes = scene.label(data).axes()
        if scene.is_weight(weight) and scene.is_data(data) and path.summed and path.summed <= axes:
            kept = path.free & axes
            made_here = {a for a in path.free if scene.axes.all[a].kind == "parameter" or scene.axes.all[a].birth == contraction.op}
            if kept and (path.free - axes) <= made_here | _batchlike(scene, path):
                path.free = kept | (_axes_of(contraction.lhs_contracted) if data == contraction.lhs else _axes_of(contraction.rhs_contracted))
                return data
    return None


def _batchlike(scene: Scene, path: Path) -> frozenset[int]:
    return frozenset(a for a in path.free if scene.axes.all[a].kind in ("broadcast", "input"))


def _carrier(scene: Scene, op: Op, path: Path) -> int | None:
    """The input that carries the summed axis, and as many of the free ones as any."""
    wanted = _before(scene, op, path.summed)
    free = _before(scene, op, path.free)
    best, best_score = None, 0
    for tensor in op.inputs:
        axes = scene.label(tensor).axes()
        if not scene.tensors[tensor].needs_weights or not (wanted & axes if wanted else True):
            continue
        score = 1 + 4 * len(wanted & axes) + 2 * len(free & axes) + (1 if tensor == op.inputs[0] else 0)
        if score > best_score:
            best, best_score = tensor, score
    return best


def _before(scene: Scene, op: Op, axes: frozenset[int]) -> frozenset[int]:
    """The same axes as they are named among the op's inputs."""
    result: set[int] = set()
    for axis in axes:
        record = scene.axes.all[axis]
        result.update(record.parents if record.birth == op.index and record.parents else (axis,))
    return frozenset(result)


def _rename(scene: Scene, op: Op, path: Path) -> None:
    path.summed = _before(scene, op, path.summed)
    path.free = _before(scene, op, path.free)


def _note(scene: Scene, op: Op, carrier: int, path: Path) -> None:
    name = short_name(op.name).rstrip("_")
    if op.mask is not None:
        path.masks.append(op.index)
    if name in {n.rstrip("_") for n in SOFTMAX} or short_name(op.name) in SOFTMAX:
        dims = scene.label(op.inputs[0]).dims
        dim = dims[op.arguments[1]] if isinstance(op.arguments[1], int) and dims else ()
        path.softmax_axes |= frozenset(factor[0] for factor in dim)
        path.normalisers.append("softmax")
    elif name in _NORMALISERS:
        path.normalisers.append(_NORMALISERS[name])
    elif name == "pow" or (name == "mul" and len(op.inputs) == 2 and op.inputs[0] == op.inputs[1]):
        path.normalisers.append("square")
    elif name in _SCALES:
        scale_by(scene, op, carrier, path)
    elif name in _DROPOUTS:
        path.dropout = max(path.dropout, next((a for a in op.arguments[1:] if isinstance(a, float)), 0.0))
    path.side += [t for t in op.inputs if t != carrier]


def scale_by(scene: Scene, op: Op, carrier: int, path: Path) -> None:
    """Take a factor between scores and normaliser into account; a learned one makes the scale unknown."""
    other = next((a for a in op.arguments[1:] if not (isinstance(a, Ref) and a.id == carrier)), None)
    if isinstance(op.arguments[0], Ref) and op.arguments[0].id != carrier:
        other = op.arguments[0]
    factor = other if isinstance(other, (int, float)) else scene.tensors[other.id].scalar if isinstance(other, Ref) else None
    if "softmax" in path.normalisers or not path.normalisers:
        path.is_scaled = True
        if factor is None:
            if isinstance(other, Ref) and (scene.tensors[other.id].numel == 1 or scene.is_weight(other.id)):
                path.scale = None
        elif path.scale is not None and factor:
            path.scale = path.scale / factor if "div" in op.name else path.scale * factor
