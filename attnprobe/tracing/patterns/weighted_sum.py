"""A softmax over positions (or a learned memory) that weighs a sum; the scores are no product of two tensors.

additive    scores = w · tanh(query + key)                   (Bahdanau et al. 2015, arXiv:1409.0473)
pooling     scores = key · w, or w · tanh(key W): learned queries (Ilse et al. 2018, arXiv:1802.04712)
external    scores = query · M_k, values = M_v: two learned memories (Guo et al. 2021, arXiv:2105.02358)
deformable  scores = query W over sampled points              (Zhu et al. 2021, arXiv:2010.04159)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from attnprobe.records import Core, Role
from attnprobe.tracing.axes.algebra import Dim, flat, size_of
from attnprobe.tracing.axes.labelling import Contraction, short_name
from attnprobe.tracing.reading.heads import split
from attnprobe.tracing.reading.lineage import Path, walk_back
from attnprobe.tracing.reading.scene import Pattern, Scene
from attnprobe.tracing.reading.sides import Side, other_dims, product_ops, sides
from attnprobe.tracing.reading.weighted_operands import weighted_operands

_BENDS = frozenset({"tanh", "relu", "sigmoid", "gelu", "silu", "elu", "leaky_relu"})


@dataclass(frozen=True, slots=True)
class _Readout:
    """The product in which weights meet values."""

    product: Contraction
    weights: Side
    values: Side


def find(scene: Scene) -> list[Core]:
    """One core per weighted sum."""
    cores = []
    for index in sorted(scene.contractions):
        if index in scene.claimed or index >= scene.end:
            continue
        for readout in _readouts(scene.contractions[index]):
            core = _core(scene, readout)
            if core is not None:
                scene.claimed.update((*core.score_ops, *core.value_ops, *core.inner_ops))
                cores.append(core)
                break
    return cores


def _readouts(product: Contraction) -> tuple[_Readout, _Readout]:
    left, right = sides(product)
    return _Readout(product, *left), _Readout(product, *right)


def _core(scene: Scene, readout: _Readout) -> Core | None:
    if not scene.is_data(readout.weights.tensor) or not any(readout.weights.contracted):
        return None
    path = walk_back(scene, readout.weights.tensor, readout.weights.contracted, readout.weights.free)
    if "softmax" not in path.normalisers or path.origin is None or path.origin.index in scene.claimed:
        return None
    if path.source is None:
        return _met_elementwise(scene, readout, path)
    source = path.source
    data, weight = (source.lhs, source.rhs) if scene.is_data(source.lhs) else (source.rhs, source.lhs)
    if not scene.is_weight(weight):
        return None
    if path.summed <= scene.label(data).axes():
        return _scored_keys(scene, readout, path, source, data)
    if not all(scene.is_weight_axis(axis) for axis in path.summed):
        return None
    if scene.is_weight(readout.values.tensor):
        return _build(scene, readout, path, "external", "external", (source.op,), query=data, key=weight)
    if _is_sampled(scene, readout.values.tensor):
        return _build(scene, readout, path, "deformable", "cross", (source.op,), query=data, key=None)
    return None


def _met_elementwise(scene: Scene, readout: _Readout, path: Path) -> Core | None:
    """q + k met element by element, then a bend, then a product with a vector."""
    origin = path.origin
    if origin is None or short_name(origin.name).rstrip("_") not in ("add", "sub") or len(origin.inputs) < 2:
        return None
    scored = [i for i in path.ops if i in scene.contractions]
    if not scored or not _bends(scene, path.ops):
        return None
    query, key = origin.inputs[:2]
    if _carries_only(scene, query, path.summed, readout):
        query, key = key, query
    scores = (origin.index, *scored)
    return _build(scene, readout, path, "additive", _role(scene, query, key), scores, query=query, key=key)


def _carries_only(scene: Scene, tensor: int, summed: frozenset[int], readout: _Readout) -> bool:
    """Whether an operand lies along the keys as the values do: then it is the keys."""
    dims = scene.label(tensor).dims
    value_dims = scene.label(readout.values.tensor).dims
    has_keys = bool(scene.label(tensor).axes() & summed)
    return has_keys and all(dims[1:2]) and dims[1:2] == value_dims[1:2]


def _scored_keys(scene: Scene, readout: _Readout, path: Path, source: Contraction, data: int) -> Core | None:
    """Scores are a weight's product with the keys: additive when a query entered before, else pooling."""
    if not any(
        scene.related(key, dim) for key in readout.weights.contracted for dim in readout.values.contracted
    ):
        return None
    inner, query, key = _hidden(scene, data, path.summed)
    if query is not None:
        role, scores = _role(scene, query, key), (*inner, source.op)
        return _build(scene, readout, path, "additive", role, scores, query=query, key=key)
    return _build(scene, readout, path, "pooling", "pooling", (source.op,), query=None, key=data)


def _hidden(scene: Scene, tensor: int, summed: frozenset[int]) -> tuple[tuple[int, ...], int | None, int]:
    """Look below the scores for tanh(query + key) or tanh(W [query; key]).

    Returns:
        The ops passed, the query when one enters (an operand without the keys' axis), and the keys.
    """
    passed: list[int] = []
    has_bend = False
    before: int | None = None
    for _ in range(8):
        op = scene.maker(tensor, before)
        before = None if op is None else op.index
        if op is None or not op.inputs:
            break
        name = short_name(op.name).rstrip("_")
        passed.append(op.index)
        has_bend |= name in _BENDS
        if name in ("add", "cat", "concat") and has_bend:
            data = [t for t in op.inputs if scene.is_data(t)]
            with_keys = [t for t in data if scene.label(t).axes() & summed]
            without = [t for t in data if not scene.label(t).axes() & summed]
            if with_keys and without:
                return tuple(passed), without[0], with_keys[0]
        contraction = scene.contractions.get(op.index)
        if contraction is not None:
            tensor = contraction.lhs if scene.is_data(contraction.lhs) else contraction.rhs
        else:
            tensor = next((t for t in op.inputs if scene.label(t).axes() & summed), op.inputs[0])
    return (), None, tensor


def _bends(scene: Scene, ops: list[int]) -> bool:
    return any(short_name(scene.ops[i].name).rstrip("_") in _BENDS for i in ops)


def _is_sampled(scene: Scene, tensor: int) -> bool:
    todo, seen = [tensor], 0
    while todo and seen < 24:
        op = scene.maker(todo.pop())
        if op is None:
            continue
        seen += 1
        if "grid_sampl" in op.name:
            return True
        todo += op.inputs[:4]
    return False


def _role(scene: Scene, query: int, key: int) -> Role:
    q_roots = {root for dim in scene.label(query).dims[1:-1] for root in scene.axes.roots(dim)}
    k_roots = {root for dim in scene.label(key).dims[1:-1] for root in scene.axes.roots(dim)}
    return "self" if q_roots & k_roots and scene.is_data(query) else "cross"


def _build(
    scene: Scene,
    readout: _Readout,
    path: Path,
    mechanism: str,
    role: Role,
    scores: tuple[int, ...],
    *,
    query: int | None,
    key: int | None,
) -> Core:
    product, values = readout.product, readout.values
    part = split(scene, other_dims(scene, values), values.own, values.contracted)
    samples: Dim = ()
    positions = flat(readout.weights.own)
    head_dim = scene.tensors[key].shape[-1] if key is not None and scene.tensors[key].shape else 1
    if role == "external":
        samples, positions = _samples_and_positions(scene, positions)
        head_dim = _contracted(scene, scores)
    core = Core(
        mechanism=mechanism,
        normaliser="softmax",
        role=role,
        score_ops=tuple(i for op in scores for i in _ops_of(scene, op)),
        value_ops=product_ops(scene, product),
        inner_ops=tuple(i for i in reversed(path.ops) if i not in scores),
        query=query,
        key=key,
        value=values.tensor,
        output=product.output,
        batch=part.batch * part.windows * size_of(samples),
        windows=part.windows,
        num_heads=part.heads,
        num_kv_heads=part.heads,
        head_dim=head_dim,
        value_dim=size_of(flat(values.free)),
        q_len=size_of(positions),
        kv_len=product.contracted_size,
        scale=path.scale,
        dropout=path.dropout,
        mask_ops=tuple(path.masks),
        is_causal_flag=False,
        kernel="unfused",
    )
    found = weighted_operands(scene, core, product, (readout.weights, values), path, samples)
    return replace(core, operands=found)


def _ops_of(scene: Scene, op: int) -> tuple[int, ...]:
    return product_ops(scene, scene.contractions[op]) if op in scene.contractions else (op,)


def _samples_and_positions(scene: Scene, dim: Dim) -> tuple[Dim, Dim]:
    """A linear layer folds samples and positions into one dim: the first factor of several counts samples."""
    is_sample = (
        len(dim) > 1 and scene.axes.all[dim[0][0]].kind == "input" and scene.axes.all[dim[0][0]].dim == 0
    )
    return (dim[:1], dim[1:]) if is_sample else ((), dim)


def _contracted(scene: Scene, scores: tuple[int, ...]) -> int:
    return next((scene.contractions[i].contracted_size for i in scores if i in scene.contractions), 1)


pattern = Pattern("weighted_sum", find, order=3)
