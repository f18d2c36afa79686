"""Cores that are one attention: a loop over heads, per-head modules, blocks of queries."""

from __future__ import annotations

from dataclasses import replace

from attnprobe.records import Core
from attnprobe.tracing.axes.labelling import op_names, short_name
from attnprobe.tracing.reading.scene import Scene

_JOINS = frozenset({"cat", "concat", "stack", "copy_", "index_put_", "add", "add_", "sum"})
_PASSING = frozenset(
    {"view", "_unsafe_view", "transpose", "permute", "clone", "native_dropout", "squeeze", "unsqueeze", "_to_copy", "slice", "alias", "detach", "mul", "reshape"}
)  # fmt: skip


def merged(scene: Scene, cores: list[Core]) -> list[Core]:
    """Join cores that do not depend on one another and whose outputs meet.

    Cores of one module call meet in a concatenation, a stack, a common buffer or a sum. Cores of sibling modules are
    merged only when they meet in a concatenation: per-head modules.
    """
    buckets: dict[tuple[object, ...], list[Core]] = {}
    for core in cores:
        meeting = _meeting_op(scene, core)
        op = scene.ops[core.score_ops[0]]
        same_place = (
            (op.module, op.call) if meeting is None or not _joins_modules(scene, meeting) else ("joined",)
        )
        shape = (core.mechanism, core.role, core.head_dim, core.kv_len if core.windows == 1 else 0)
        key = (meeting, *same_place, *shape) if meeting is not None else (core.output, *shape)
        buckets.setdefault(key, []).append(core)
    return sorted((_join(scene, bucket) for bucket in buckets.values()), key=lambda core: core.score_ops[0])


def _joins_modules(scene: Scene, meeting: int) -> bool:
    return short_name(scene.ops[meeting].name) in ("cat", "concat")


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
            return (
                _buffer_of(scene, op.index)
                if name in ("copy_", "index_put_")
                else _root_of_sum(scene, op.index, name)
            )
        if name not in _PASSING or not op.outputs:
            return None
        tensor = op.outputs[0]
    return None


def _buffer_of(scene: Scene, index: int) -> int | None:
    """Writes into one buffer meet at the op that made it."""
    storage = scene.tensors[scene.ops[index].inputs[0]].storage
    made = next(
        (o.index for o in scene.ops if any(scene.tensors[t].storage == storage for t in o.outputs)), None
    )
    return made


def _root_of_sum(scene: Scene, index: int, name: str) -> int | None:
    """a + b meets only when both come from attention; a residual sum does not join anything."""
    return None if name in ("add", "add_", "sum") else index


def _join(scene: Scene, cores: list[Core]) -> Core:
    """One core out of several: heads or query blocks add up."""
    if len(cores) == 1:
        return cores[0]
    first = cores[0]
    blocks = {(core.query, core.key) for core in cores}
    by_position = _cut_along_positions(scene, cores)
    heads = first.num_heads if by_position else sum(core.num_heads for core in cores)
    keys = {(_rows(scene, core.key)) for core in cores}
    kv_heads = (
        first.num_kv_heads
        if by_position
        else max(len(keys), 1) * first.num_kv_heads
        if len(keys) > 1
        else first.num_kv_heads
    )
    return replace(
        first,
        score_ops=tuple(i for core in cores for i in core.score_ops),
        value_ops=tuple(i for core in cores for i in core.value_ops),
        inner_ops=tuple(i for core in cores for i in core.inner_ops),
        mask_ops=tuple(i for core in cores for i in core.mask_ops),
        num_heads=heads,
        num_kv_heads=heads if not by_position and len(keys) == len(cores) else kv_heads,
        q_len=sum(core.q_len for core in cores) if by_position else first.q_len,
        kv_len=max(core.kv_len for core in cores),
        parts=tuple(cores),
        notes=(
            *first.notes,
            f"{len(blocks)} {'blocks of queries' if by_position else 'heads'} computed one after another",
        ),
    )


def _cut_along_positions(scene: Scene, cores: list[Core]) -> bool:
    """Whether the cores take different stretches of the queries rather than different features."""
    widths = {_rows(scene, core.query) for core in cores}
    return len(widths) == 1


def _rows(scene: Scene, tensor: int | None) -> tuple[object, ...]:
    """Which weight rows the last dim of an operand comes from."""
    if tensor is None:
        return ()
    label = scene.label(tensor)
    widths = [dim for dim in label.dims if any(scene.is_weight_axis(axis) for axis, _, _ in dim)] or list(
        label.dims[-1:]
    )
    return tuple(
        (axis, size, stride, label.offsets.get(axis, 0)) for dim in widths for axis, size, stride in dim
    )
