"""Attention as two products: scores from queries and keys, a normaliser, and a product with the values.

Recognised from the second product: its weights are followed back, through masks, scales, dropout and views,
to a product of two computed tensors. Then the axes tell what was summed over what:

    first over features, second over positions               dot-product attention (any normaliser, or none)
    first over positions, a softmax, second over features    channel (cross-covariance) attention
    first over positions, no softmax, second over features   linear attention: q (kᵀ v)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from attnprobe.records import Core, Role
from attnprobe.tracing.axes.algebra import Dim, axes_of, flat, size_of
from attnprobe.tracing.axes.labelling import Contraction, short_name
from attnprobe.tracing.reading.biases import masks_inside
from attnprobe.tracing.reading.denominator import denominator
from attnprobe.tracing.reading.heads import is_scrambled, positions_in, split
from attnprobe.tracing.reading.lineage import Path, walk_back
from attnprobe.tracing.reading.operands import prescale
from attnprobe.tracing.reading.product_operands import linear_operands, with_operands
from attnprobe.tracing.reading.roles import role_of
from attnprobe.tracing.reading.scene import Pattern, Scene
from attnprobe.tracing.reading.sides import Side, other_dims, product_ops, sides


def find(scene: Scene) -> list[Core]:
    """One core per pair of products."""
    cores: list[Core] = []
    claimed_scores: set[int] = set()
    for index in sorted(scene.contractions):
        second = scene.contractions[index]
        if index in scene.claimed or index >= scene.end:
            continue
        for weights, values in sides(second):
            core = _core(scene, second, weights, values)
            if core is None or core.score_ops[0] in claimed_scores:
                continue
            claimed_scores.add(core.score_ops[0])
            scene.claimed.update((*core.score_ops, *core.value_ops, *core.inner_ops))
            cores.append(core)
            break
    return cores


def _core(scene: Scene, second: Contraction, weights: Side, values: Side) -> Core | None:
    if not scene.is_data(weights.tensor) or not scene.tensors[values.tensor].needs_weights:
        return None
    if second.contracted_size < 2 and not weights.contracted:
        return None
    path = walk_back(scene, weights.tensor, weights.contracted, weights.free)
    first = path.source
    if first is not None and scene.ops[first.op].mask is not None:
        path.masks.append(first.op)
    if first is None or first.op in scene.claimed or first.op >= second.op:
        return None
    if not _both_computed(scene, first) or _sums_heads(first, path):
        return None
    if scene.is_weight(values.tensor) and "softmax" not in path.normalisers:
        return None
    sums_positions = not _is_width(scene, first.lhs_contracted, first)
    if "softmax" in path.normalisers or _is_scores(scene, first, path, values, sums_positions):
        return _scores_core(scene, first, second, (weights, values), path)
    if sums_positions and _is_state(scene, first, path, values):
        return _linear_core(scene, first, second, (weights, values), path)
    return None


def _both_computed(scene: Scene, product: Contraction) -> bool:
    """Scores come from two computed tensors, or from learned queries and computed keys."""
    one, other = scene.is_data(product.lhs), scene.is_data(product.rhs)
    learned = scene.is_weight(product.lhs) or scene.is_weight(product.rhs)
    return (one and other) or ((one or other) and learned and bool(product.batch))


def _sums_heads(first: Contraction, path: Path) -> bool:
    """Whether what is summed after the softmax counts the heads of the scores: then they are mixed."""
    free = axes_of((*first.lhs_free, *first.rhs_free))
    return bool(path.summed) and path.summed <= axes_of(first.batch) and path.summed.isdisjoint(free)


def _is_width(scene: Scene, contracted: tuple[Dim, ...], product: Contraction) -> bool:
    """Whether a product sums over features: rows of a weight, or an input's axis that is not also free."""
    axes = [axis for dim in contracted for axis, _, _ in dim]
    if any(scene.is_weight_axis(axis) for axis in axes):
        return True
    free = {root for dim in (*product.lhs_free, *product.rhs_free) for root in scene.axes.roots(dim)}
    is_apart = bool(axes) and not any(scene.axes.all[axis].roots & free for axis in axes)
    return is_apart and not _free_are_widths(scene, product)


def _free_are_widths(scene: Scene, product: Contraction) -> bool:
    frees = [dim for dim in (*product.lhs_free, *product.rhs_free) if dim]
    return len(frees) >= 2 and all(scene.is_width(dim) for dim in frees)


def _is_scores(scene: Scene, first: Contraction, path: Path, values: Side, sums_positions: bool) -> bool:
    """Scores without a softmax: both products' summed axes must fit, since nothing else marks them."""
    if sums_positions or not path.summed:
        return False
    keys = [dim for dim in (*first.lhs_free, *first.rhs_free) if {a for a, _, _ in dim} & path.summed]
    return (
        bool(keys)
        and not any(scene.is_weight_axis(axis) for axis in path.summed)
        and any(scene.related(key, dim) for key in keys for dim in values.contracted)
        and all(dim for dim in (*first.lhs_contracted, *first.rhs_contracted))
        and len([d for d in (*first.lhs_free, *first.rhs_free) if d]) >= 2
    )


def _is_state(scene: Scene, first: Contraction, path: Path, queries: Side) -> bool:
    """A state kᵀv: free dims are two widths, the summed one the keys' width, met by the queries' width."""
    if not path.summed or not all(scene.is_weight_axis(axis) for axis in path.summed):
        return False
    has_query = any(scene.is_width(dim) for dim in queries.contracted)
    return _free_are_widths(scene, first) and has_query and scene.is_data(queries.tensor)


@dataclass(frozen=True, slots=True)
class _Counts:
    """What the operands of the scores count."""

    batch: int  # without windows
    windows: int
    num_heads: int
    num_kv_heads: int
    q_len: int
    is_scrambled: bool


def _counts(scene: Scene, query: Side, key: Side) -> _Counts:
    q_own, q_folded = positions_in(scene, flat(query.own), query.contracted)
    k_own, _ = positions_in(scene, flat(key.own), key.contracted)
    scrambled = is_scrambled(scene, flat(query.own), query.contracted)
    q_dims, k_dims = (*other_dims(scene, query), q_folded), other_dims(scene, key)
    q_part = split(scene, q_dims, query.contracted, (q_own,), windows_are_heads=scrambled)
    k_part = split(scene, k_dims, key.contracted, (k_own,), windows_are_heads=scrambled)
    heads = max(q_part.heads, k_part.heads)
    # the same queries, repeated for every sample; keys made of such queries are repeated like them
    is_shared = q_part.batch == 1 and (k_part.batch > 1 or k_part.repeats % max(q_part.repeats, 2) == 0)
    return _Counts(
        batch=q_part.batch * (q_part.repeats if is_shared else 1),
        windows=q_part.windows,
        num_heads=heads,
        num_kv_heads=k_part.heads if k_part.repeats > 1 or k_part.heads < heads else heads,
        q_len=size_of(q_own),
        is_scrambled=scrambled,
    )


def _scores_core(
    scene: Scene, first: Contraction, second: Contraction, meeting: tuple[Side, Side], path: Path
) -> Core:
    weights, values = meeting
    left, right = sides(first)[0]
    key, query = (right, left) if _carries(right, path.summed) else (left, right)
    counts = _counts(scene, query, key)
    sums_features = _is_width(scene, first.lhs_contracted, first)
    channel = any(scene.is_weight_axis(axis) for axis in path.summed) and not sums_features
    scale, note = _scale(scene, path, query, key)
    mixed = ("heads are cut from tokens and features mixed together",) if counts.is_scrambled else ()
    core = Core(
        mechanism="channel" if channel else "talking_heads" if path.mixes_heads else "dot_product",
        normaliser=_normaliser(path),
        role=_role(scene, query, key, channel),
        score_ops=product_ops(scene, first),
        value_ops=product_ops(scene, second),
        inner_ops=tuple(reversed(path.ops)),
        query=query.tensor,
        key=key.tensor,
        value=values.tensor,
        output=second.output,
        batch=counts.batch * counts.windows,
        windows=counts.windows,
        num_heads=counts.num_heads,
        num_kv_heads=counts.num_kv_heads,
        head_dim=first.contracted_size,
        value_dim=size_of(flat(values.free)),
        q_len=counts.q_len,
        kv_len=size_of(flat(key.free)),
        scale=scale,
        dropout=path.dropout,
        mask_ops=(*path.masks, *masks_inside(scene, path.side)),
        is_causal_flag=False,
        kernel=_kernel(scene, first, path),
        notes=(*note, *mixed),
    )
    return with_operands(
        scene,
        core,
        (first, second),
        (query, key, weights, values),
        path,
        windows_are_heads=counts.is_scrambled,
    )


def _linear_core(
    scene: Scene, first: Contraction, second: Contraction, meeting: tuple[Side, Side], path: Path
) -> Core:
    state, queries = meeting
    left, right = sides(first)[0]
    key, value = (left, right) if _carries(left, path.summed) else (right, left)
    q_dims = other_dims(scene, queries)
    q_own = flat(queries.free)
    part = split(scene, q_dims, queries.contracted, (q_own,))
    k_part = split(scene, other_dims(scene, key), key.free, key.contracted)
    core = Core(
        mechanism="linear",
        normaliser="none",
        role=_linear_role(scene, q_own, key),
        score_ops=product_ops(scene, first),
        value_ops=product_ops(scene, second),
        inner_ops=(*reversed(path.ops), *denominator(scene, second, queries.tensor)),
        query=queries.tensor,
        key=key.tensor,
        value=value.tensor,
        output=second.output,
        batch=part.batch * part.windows,
        windows=part.windows,
        num_heads=part.heads,
        num_kv_heads=k_part.heads,
        head_dim=size_of(flat(key.free)),
        value_dim=size_of(flat(value.free)),
        q_len=max(size_of(q_own), 1),
        kv_len=first.contracted_size,
        scale=None,
        dropout=path.dropout,
        mask_ops=(),
        is_causal_flag=any(scene.ops[i].name.startswith(("aten.cumsum", "aten.tril")) for i in path.ops),
        kernel=_kernel(scene, first, path),
    )
    found = linear_operands(scene, core, (first, second), (key, value, state, queries))
    return replace(core, operands=found)


def _carries(side: Side, axes: frozenset[int]) -> bool:
    return any(axis in axes for dim in side.free for axis, _, _ in dim)


def _role(scene: Scene, query: Side, key: Side, channel: bool) -> Role:
    if channel:
        return "channel"
    if scene.is_weight(key.tensor):
        return "external"
    q_dim, k_dim = flat(query.free), flat(key.free)
    if scene.is_weight(query.tensor):
        return "pooling"
    if q_dim and k_dim and scene.related(q_dim, k_dim):
        return "self"
    if q_dim and all(scene.is_weight_axis(axis) for axis, _, _ in q_dim):
        return "pooling"
    return "cross" if q_dim and k_dim else _single(scene, query.tensor, key.tensor)


def _single(scene: Scene, query: int, key: int) -> Role:
    rank = len(scene.label(query).dims)
    return role_of(scene, query, key, -2 if rank >= 2 else -1)


def _linear_role(scene: Scene, q_own: Dim, key: Side) -> Role:
    return "self" if any(scene.related(q_own, dim) for dim in key.contracted) or not q_own else "cross"


def _normaliser(path: Path) -> str:
    if "softmax" in path.normalisers or {"exp", "sum"} <= set(path.normalisers):
        return "softmax"
    if "square" in path.normalisers and "relu" in path.normalisers:
        return "relu2"
    return path.normalisers[-1] if path.normalisers else "none"


def _scale(scene: Scene, path: Path, query: Side, key: Side) -> tuple[float | None, tuple[str, ...]]:
    q_factor, q_found = prescale(scene, query.tensor)
    k_factor, k_found = prescale(scene, key.tensor)
    if path.scale is None or q_factor is None or k_factor is None:
        return None, ("the scale is learned or computed",)
    is_scaled = path.is_scaled or q_found or k_found
    return path.scale * q_factor * k_factor, () if is_scaled else ("scores are not scaled",)


def _kernel(scene: Scene, first: Contraction, path: Path) -> str:
    """What ran. `_safe_softmax` is of torch's plain SDPA, also where nn.MultiheadAttention called it."""
    is_safe = any(short_name(scene.ops[index].name) == "_safe_softmax" for index in path.ops)
    if is_safe or scene.ops[first.op].function == "scaled_dot_product_attention":
        return "math (scaled_dot_product_attention fell back)"
    return "unfused"


pattern = Pattern("dot_product", find, order=1)
