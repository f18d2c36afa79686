"""Were the heads cut out of the features, or across tokens and features?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from attnprobe.records import Core, Number, Op
from attnprobe.tracing.assembling.stream_ops import is_view
from attnprobe.tracing.axes.algebra import Dim, size_of
from attnprobe.tracing.axes.labelling import op_names, short_name
from attnprobe.tracing.reading.scene import Scene
from attnprobe.tracing.structuring.inside import parts_of

_CUTS = op_names("view _unsafe_view reshape _reshape_alias unflatten flatten")
_LONGEST = 12


def scrambled_heads(scene: Scene, core: Core) -> Number | str:
    """1 where a view cut or merged the heads of several tokens into one row."""
    if core.query is None or core.key is None:
        return 0  # one op with its projections
    return int(scrambling_op(scene, core) is not None)


def scrambling_op(scene: Scene, core: Core) -> int | None:
    """The view that mixes tokens and heads: of queries and keys alike, or of the output."""
    for part in parts_of(core):
        if part.query is None or part.key is None:
            return None
        cuts = [_mixing_cut(scene, tensor, rows, part) for tensor, rows in _positions(scene, part)]
        if cuts and None not in cuts:
            return cuts[0]
        merge = _mixing_merge(scene, part) if part.num_heads > 1 else None
        if merge is not None:
            return merge
    return None


def _positions(scene: Scene, part: Core) -> list[tuple[int, tuple[Dim, ...]]]:
    """Queries and keys, each with the dims that count its positions."""
    product = scene.contractions.get(part.score_ops[-1])
    if product is None:
        return [(t, scene.label(t).dims[-2:-1]) for t in (part.query, part.key) if t is not None]
    own = {product.lhs: product.lhs_own, product.rhs: product.rhs_own}
    return [(t, own[t]) for t in (part.query, part.key) if t is not None and t in own]


def _mixing_cut(scene: Scene, tensor: int, rows: Sequence[Dim], part: Core) -> int | None:
    """The view by which an operand's heads were cut across tokens and features."""
    dims = scene.label(tensor).dims
    is_crossed = any(_crosses(scene, dims, dim) for dim in rows)
    for op in _views_before(scene, tensor):
        if short_name(op.name) not in _CUTS:
            continue
        is_cut = is_crossed and _is_crossed(scene, op.outputs[0]) and not _is_crossed(scene, op.inputs[0])
        if is_cut or _is_misfit(scene, op, part.head_dim):
            return op.index
    return None


def _views_before(scene: Scene, tensor: int) -> Iterator[Op]:
    """The views of which an operand is made, its own first."""
    before: int | None = None
    for _ in range(_LONGEST):
        op = scene.maker(tensor, before)
        if op is None or not op.inputs or op.index in scene.contractions:
            return
        if is_view(op):
            yield op
        data = next((t for t in op.inputs if scene.is_data(t)), None)
        if data is None:
            return
        tensor, before = data, op.index


def _is_crossed(scene: Scene, tensor: int) -> bool:
    """Whether one dim counts some tokens and, inside of them, some features, and others count the rest."""
    dims = scene.label(tensor).dims
    return any(_crosses(scene, dims, dim) for dim in dims)


def _crosses(scene: Scene, dims: Sequence[Dim], dim: Dim) -> bool:
    others = {axis for other in dims if other is not dim for axis, _, _ in other}
    return any(
        _is_token(scene, outer) and scene.is_weight_axis(inner) and outer in others and inner in others
        for (outer, _, _), (inner, _, _) in pairwise(dim)
    )


def _is_token(scene: Scene, axis: int) -> bool:
    return not scene.is_weight_axis(axis) and scene.axes.all[axis].kind != "broadcast"


def _is_misfit(scene: Scene, op: Op, width: int) -> bool:
    """[B, S, E] viewed as [B, H, S, D] or [B H, S, D] where H and S do not divide: no label can follow."""
    own, shape = scene.tensors[op.inputs[0]].shape, scene.tensors[op.outputs[0]].shape
    dims = scene.label(op.inputs[0]).dims
    if len(own) != 3 or len(shape) not in (3, 4) or not _are_rows(scene, dims[-1]) or not dims[-2]:
        return False
    is_mixed = any(
        scene.axes.all[axis].kind == "mixed" and scene.axes.all[axis].birth == op.index
        for dim in scene.label(op.outputs[0]).dims
        for axis, _, _ in dim
    )
    heads = own[2] // shape[-1] if shape[-1] else 0
    leading = (own[0], heads) if len(shape) == 4 else (own[0] * heads,)
    return is_mixed and heads > 1 and shape == (*leading, own[1], shape[-1]) and shape[-1] % width == 0


def _are_rows(scene: Scene, dim: Dim) -> bool:
    return bool(dim) and all(scene.is_weight_axis(axis) for axis, _, _ in dim)


def _mixing_merge(scene: Scene, part: Core) -> int | None:
    """The view by which the heads' outputs were merged across tokens and features."""
    tensor = part.output
    for _ in range(_LONGEST):
        following = [scene.ops[i] for i in scene.consumers.get(tensor, ()) if i > part.value_ops[-1]]
        op = next((op for op in following if is_view(op) and op.outputs), None)
        if op is None:
            return None
        if short_name(op.name) in _CUTS and op.inputs[0] == tensor:
            dims = scene.label(op.outputs[0]).dims
            is_new = _crosses(scene, dims, dims[-1]) and not _is_crossed(scene, tensor)
            if is_new or _is_merged_misfit(scene, op, part):
                return op.index
        tensor = op.outputs[0]
    return None


def _is_merged_misfit(scene: Scene, op: Op, part: Core) -> bool:
    """[B, H, L, D] viewed as [B, L, H D] where H and L do not divide."""
    operand = part.operands.get("output")
    if operand is None or part.num_heads == part.q_len or part.q_len < 2:
        return False
    shape, own = scene.tensors[op.outputs[0]].shape, scene.tensors[op.inputs[0]].shape
    dims = scene.label(op.inputs[0]).dims
    if own[-3:] != (part.num_heads, part.q_len, part.value_dim) or len(own) != 4:
        return False
    return shape[-2:] == (part.q_len, part.num_heads * part.value_dim) and _sizes(dims) == own


def _sizes(dims: Sequence[Dim]) -> tuple[int, ...]:
    return tuple(size_of(dim) for dim in dims)
