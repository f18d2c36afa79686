"""Walking from the weights that meet the values back to what made them."""

from __future__ import annotations

from dataclasses import dataclass, field

from attnprobe.records import Op, Ref
from attnprobe.tracing.axes.algebra import Dim, axes_of
from attnprobe.tracing.axes.labelling import Contraction, short_name
from attnprobe.tracing.reading.scene import Scene

_LONGEST_PATH = 60

_SOFTMAX = frozenset({"softmax", "_softmax", "_safe_softmax", "_log_softmax", "log_softmax"})
_NORMALISERS = {  # op -> the normaliser's name
    **{name: name for name in ("sigmoid", "relu", "silu", "gelu", "tanh", "elu", "exp", "softplus")},
    "hardsigmoid": "sigmoid",
}
_SCALES = frozenset({"mul", "div", "true_divide"})
_DROPOUTS = frozenset({"native_dropout", "dropout", "bernoulli", "_fused_dropout"})


@dataclass(frozen=True, slots=True)
class Step:
    """One op of a path, and the queries' and keys' axes as its input names them."""

    op: int
    carrier: int  # the input that was followed
    free: frozenset[int]
    summed: frozenset[int]


@dataclass(slots=True)
class Path:
    """The way from a product of scores to the product with the values, walked backwards."""

    ops: list[int] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)  # one per op
    normalisers: list[str] = field(default_factory=list)
    normalised: list[tuple[str, int, int]] = field(default_factory=list)  # (normaliser, its op, what enters)
    scale: float | None = 1.0  # None: a learned or unknown factor
    is_scaled: bool = False
    dropout: float = 0.0
    masks: list[int] = field(default_factory=list)
    mixes_heads: bool = False
    side: list[int] = field(default_factory=list)  # tensors added or multiplied in: biases, masks
    source: Contraction | None = None  # the product that made the scores
    origin: Op | None = None  # the op where the walk ended
    free: frozenset[int] = frozenset()  # the queries' axes, as they are named at the source
    summed: frozenset[int] = frozenset()  # the keys' axes


def walk_back(scene: Scene, tensor: int, summed: tuple[Dim, ...], free: tuple[Dim, ...]) -> Path:
    """Follow the operand that carries both the keys' and the queries' axes, back to where they met.

    They meet in a product (`path.source`), or element by element, as in q + k or k ⊗ v (`path.origin`).

    Args:
        tensor: The attention weights as they enter the product with the values.
        summed: Their dims over which that product sums (the keys).
        free: Their own other dims (the queries), without samples and heads, which the product shares.
    """
    path = Path(summed=axes_of(summed), free=axes_of(free))
    before: int | None = None
    for _ in range(_LONGEST_PATH):
        op = scene.maker(tensor, before)
        if op is None or not op.inputs:
            return path
        path.origin = op
        contraction = scene.contractions.get(op.index)
        if contraction is not None:
            mixed = _mixed_operand(scene, contraction, path)
            if mixed is None:
                path.source = contraction
                return path
            path.mixes_heads = True
            following = mixed
        elif _axes_meet(scene, op, path) or (carrier := _carrier(scene, op, path)) is None:
            return path
        else:
            following = carrier
            _note(scene, op, following, path)
        path.ops.append(op.index)
        path.summed, path.free = _before(scene, op, path.summed), _before(scene, op, path.free)
        path.steps.append(Step(op.index, following, path.free, path.summed))
        tensor, before = following, op.index
    return path


def _mixed_operand(scene: Scene, contraction: Contraction, path: Path) -> int | None:
    """The operand to follow when a product with a weight leaves queries and keys alone: it mixes heads."""
    for data, weight in ((contraction.lhs, contraction.rhs), (contraction.rhs, contraction.lhs)):
        if scene.is_data(data) and scene.is_weight(weight):
            axes = scene.label(data).axes()
            if path.free and path.summed and (path.free | path.summed) <= axes:
                return data
    return None


def _axes_meet(scene: Scene, op: Op, path: Path) -> bool:
    """Whether an elementwise op brings together queries and keys that no single operand has both of."""
    data = [t for t in dict.fromkeys(op.inputs) if scene.is_data(t)]
    if len(data) < 2 or not path.free:
        return False
    tracked = path.summed | path.free
    if any(scene.axes.all[a].birth == op.index and scene.axes.all[a].kind == "alias" for a in tracked):
        return True
    return not any(tracked <= scene.label(t).axes() for t in data) and all(
        any(axis in scene.label(t).axes() for t in data) for axis in tracked
    )


def _carrier(scene: Scene, op: Op, path: Path) -> int | None:
    """The input that carries the summed axis, and as many of the free ones as any."""
    wanted = _before(scene, op, path.summed)
    free = _before(scene, op, path.free)
    best, best_score = None, 0
    for tensor in op.inputs:
        axes = scene.label(tensor).axes()
        if not scene.tensors[tensor].needs_weights or not (wanted & axes if wanted else True):
            continue
        is_first = tensor == op.inputs[0]
        # a hard choice scattered into zeros, say, stands beside the weights that it was made from
        is_buffer = scene.tensors[tensor].storage in scene.labelling.blanks
        score = 3 + 4 * len(wanted & axes) + 2 * len(free & axes) + is_first - 2 * is_buffer
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


def _note(scene: Scene, op: Op, carrier: int, path: Path) -> None:
    """Write down what an op did to the scores: mask, normaliser, scale, dropout, bias."""
    name = short_name(op.name).rstrip("_")
    if op.mask is not None:
        path.masks.append(op.index)
    normaliser = _normaliser(scene, op, carrier)
    if normaliser:
        path.normalisers.append(normaliser)
        path.normalised.append((normaliser, op.index, carrier))
    elif name in _SCALES:
        _scale_by(scene, op, carrier, path)
        path.dropout = max(path.dropout, _dropout_by(scene, op, carrier))
    elif name in _DROPOUTS:
        path.dropout = max(path.dropout, next((a for a in op.arguments[1:] if isinstance(a, float)), 0.0))
    path.side += [t for t in op.inputs if t != carrier]


def _normaliser(scene: Scene, op: Op, carrier: int) -> str:
    """What an op is as a part of a normaliser; "" when it is none."""
    name = short_name(op.name).rstrip("_")
    if short_name(op.name) in _SOFTMAX:
        return "softmax"
    if name == "pow" or (name == "mul" and len(op.inputs) == 2 and op.inputs[0] == op.inputs[1]):
        return "square"
    if name == "div" and _is_sum(scene, op, carrier):
        return "sum"
    return _NORMALISERS.get(name, "")


def _is_sum(scene: Scene, op: Op, carrier: int) -> bool:
    """Whether an op divides by a sum over the very weights that it divides."""
    other = next((t for t in op.inputs if t != carrier), None)
    before = op.index
    for _ in range(4):
        maker = scene.maker(other, before) if other is not None else None
        if maker is None or not maker.inputs:
            return False
        if short_name(maker.name) == "sum":
            return True
        other, before = maker.inputs[0], maker.index
    return False


def _dropout_by(scene: Scene, op: Op, carrier: int) -> float:
    """The rate of a dropout that is a product with a random mask, as on a CPU; 0 when it is none."""
    for mask in op.inputs:
        before = op.index
        while mask != carrier and (maker := scene.maker(mask, before)) is not None:
            if short_name(maker.name).rstrip("_") == "bernoulli":
                kept = next((a for a in maker.arguments[1:] if isinstance(a, float)), 1.0)
                return round(1 - kept, 12)
            if mask not in maker.writes:
                break
            before = maker.index
    return 0.0


def _scale_by(scene: Scene, op: Op, carrier: int, path: Path) -> None:
    """Take a factor between scores and normaliser into account; a learned one makes the scale unknown."""
    if not path.normalisers:
        return  # a factor after the normaliser
    path.is_scaled = True
    other = next((a for a in op.arguments[1:] if not (isinstance(a, Ref) and a.id == carrier)), None)
    if isinstance(op.arguments[0], Ref) and op.arguments[0].id != carrier:
        other = op.arguments[0]
    factor = scene.constant(other)
    if factor is None:
        if isinstance(other, Ref) and (scene.tensors[other.id].numel == 1 or scene.is_weight(other.id)):
            path.scale = None
    elif path.scale is not None and factor:
        path.scale = path.scale / factor if "div" in op.name else path.scale * factor
