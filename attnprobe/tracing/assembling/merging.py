"""Cores that are one attention: a loop over heads, per-head modules, blocks of queries."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import networkx as nx

from attnprobe.records import Core
from attnprobe.tracing.axes.algebra import flat
from attnprobe.tracing.axes.labelling import op_names, short_name
from attnprobe.tracing.reading.scene import Scene

_JOINS = frozenset({"cat", "concat", "stack", "copy_", "index_put_"})
_PASSING = op_names(
    "view _unsafe_view transpose permute clone native_dropout squeeze unsqueeze _to_copy slice alias detach",
    "mul reshape",
)


def merged(scene: Scene, cores: list[Core]) -> list[Core]:
    """Join cores that do not depend on one another and whose outputs meet.

    Cores of one module call meet in a concatenation, a stack or a common buffer. Cores of sibling
    modules are merged only when they meet in a concatenation: per-head modules.
    """
    buckets: dict[tuple[object, ...], list[Core]] = {}
    for core in cores:
        meeting = _meeting_op(scene, core)
        op = scene.ops[core.score_ops[0]]
        shape = (core.mechanism, core.role, core.head_dim, core.kv_len if core.windows == 1 else 0)
        if meeting is None:
            place: tuple[object, ...] = (core.output,)
        elif short_name(scene.ops[meeting].name) in ("cat", "concat"):
            place = (meeting, "joined")
        else:
            place = (meeting, op.module, op.call)
        buckets.setdefault((*place, *shape), []).append(core)
    joined = [_join(scene, group) for bucket in buckets.values() for group in _independent(scene, bucket)]
    return sorted(joined, key=lambda core: core.score_ops[0])


def _independent(scene: Scene, cores: list[Core]) -> list[list[Core]]:
    """The bucket as it is, or each core by itself when one needs another's output (steps of a loop)."""
    for earlier, later in pairwise(cores):
        start, end = earlier.value_ops[-1], later.score_ops[0]
        if nx.has_path(scene.graph.subgraph(range(start, end + 1)), start, end):
            return [[core] for core in cores]
    return [cores]


def _meeting_op(scene: Scene, core: Core) -> int | None:
    """The join that the core's output enters, through views alone; None when it goes elsewhere first."""
    tensor = core.output
    for _ in range(10):
        readers = scene.consumers.get(tensor, [])
        if len(readers) != 1:
            return None
        op = scene.ops[readers[0]]
        name = short_name(op.name)
        if name in _JOINS:
            return _buffer_of(scene, op.index) if name in ("copy_", "index_put_") else op.index
        if name not in _PASSING or not op.outputs:
            return None
        tensor = op.outputs[0]
    return None


def _buffer_of(scene: Scene, index: int) -> int | None:
    """Writes into one buffer meet at the op that made it."""
    storage = scene.tensors[scene.ops[index].inputs[0]].storage
    makers = (op for op in scene.ops if any(scene.tensors[t].storage == storage for t in op.outputs))
    return next((op.index for op in makers), None)


def _join(scene: Scene, cores: list[Core]) -> Core:
    """One core out of several: heads or query blocks add up."""
    if len(cores) == 1:
        return cores[0]
    first = cores[0]
    by_position = _cut_along_positions(scene, cores)
    num_heads = first.num_heads if by_position else sum(core.num_heads for core in cores)
    keys = {_rows(scene, core.key) for core in cores}
    if by_position:
        num_kv_heads = first.num_kv_heads
    else:
        num_kv_heads = num_heads if len(keys) == len(cores) else len(keys) * first.num_kv_heads
    blocks = len({(core.query, core.key) for core in cores})
    unit = "blocks of queries" if by_position else "heads"
    return replace(
        first,
        score_ops=tuple(i for core in cores for i in core.score_ops),
        value_ops=tuple(i for core in cores for i in core.value_ops),
        inner_ops=tuple(i for core in cores for i in core.inner_ops),
        mask_ops=tuple(i for core in cores for i in core.mask_ops),
        num_heads=num_heads,
        num_kv_heads=num_kv_heads,
        q_len=sum(core.q_len for core in cores) if by_position else first.q_len,
        kv_len=max(core.kv_len for core in cores),
        parts=tuple(cores),
        operands={},
        notes=(*first.notes, f"{blocks} {unit} computed one after another"),
    )


def _cut_along_positions(scene: Scene, cores: list[Core]) -> bool:
    """Whether the cores take different stretches of the queries rather than different features."""
    return len({_rows(scene, core.query) for core in cores}) == 1


def _rows(scene: Scene, tensor: int | None) -> tuple[object, ...]:
    """Which weight rows the last dim of an operand comes from."""
    if tensor is None:
        return ()
    label = scene.label(tensor)
    widths = [dim for dim in label.dims if scene.is_width(dim)] or label.dims[-1:]
    return tuple((*factor, label.offsets.get(factor[0], 0)) for factor in flat(widths))
