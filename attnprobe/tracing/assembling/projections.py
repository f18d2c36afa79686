"""Which parameters make queries, keys, values and outputs, and which ops belong to a site."""

from __future__ import annotations

from dataclasses import dataclass, field

from attnprobe.name_patterns import common_pattern
from attnprobe.records import Component, Core, Op
from attnprobe.tracing.axes.algebra import Label
from attnprobe.tracing.axes.labelling import Contraction, short_name
from attnprobe.tracing.reading.scene import Scene

_COPIES = frozenset({"clone", "repeat", "repeat_interleave", "contiguous", "copy_"})
_LONGEST = 80
_LONGEST_WAY_OUT = 30
Rows = tuple[tuple[int, int, int], ...]


@dataclass(slots=True)
class Surroundings:
    """What stands round a core."""

    parameters: dict[str, str] = field(default_factory=dict)  # role -> parameter
    rows: dict[str, Rows] = field(default_factory=dict)
    ops: dict[int, Component] = field(default_factory=dict)  # ops outside the core
    names: dict[str, list[str]] = field(
        default_factory=dict
    )  # role -> its parameters, when there are several

    def add(self, role: str, name: str, rows: Rows) -> None:
        """Note a parameter; heads that have a parameter each share one name with the numbers in braces."""
        known = self.parameters.get(role)
        if known is None:
            self.parameters[role], self.rows[role] = name, rows
        elif name == known:
            self.rows[role] = _united(self.rows[role], rows)
        else:
            self.names.setdefault(role, [known]).append(name)
            self.parameters[role] = common_pattern(list(dict.fromkeys(self.names[role])))


def surroundings(scene: Scene, core: Core, limit: str) -> Surroundings:
    """Parameters of the projections, and the ops between them and the core.

    Args:
        limit: Qualified name of the site's module: within it the walk goes on beyond the nearest product (a
            low-rank query is projected twice); outside of it it stops there.
    """
    found = Surroundings()
    for part in core.parts or (core,):
        for role, tensor in (("query", part.query), ("key", part.key), ("value", part.value)):
            if tensor is None:
                continue
            name, rows = parameter_of(scene, scene.label(tensor), prefer_last=True)
            if name and not scene.tensors[tensor].origin:
                found.add(role, name, rows)
            _walk_up(scene, tensor, core, found, limit)
        is_gate = (
            part.query is None and part.key is None
        )  # it multiplies in place: nothing projects its output
        if not is_gate:
            _walk_down(scene, part, core.num_heads * core.value_dim, found)
    return found


def parameter_of(scene: Scene, label: Label, *, prefer_last: bool) -> tuple[str, Rows]:
    """The parameter whose rows (or columns) a tensor's width counts, and which of them.

    Rows come as (start, stop, step) along the parameter's output dim.
    """
    dims = label.dims[::-1] if prefer_last else label.dims
    for dim in dims:
        for axis, _, _ in dim:
            record = scene.axes.all[axis]
            if record.source.startswith("parameter:"):
                return record.source.removeprefix("parameter:"), _rows(label, axis)
            if record.pieces:
                for piece, offsets in record.pieces:
                    name, rows = parameter_of(scene, Label((piece,), offsets), prefer_last=True)
                    if name:
                        return name, rows
    return "", ()


def _rows(label: Label, axis: int) -> Rows:
    """Rows as stretches: all factors along the axis, the smallest stride innermost."""
    factors = sorted(
        ((size, stride) for dim in label.dims for a, size, stride in dim if a == axis), key=lambda f: f[1]
    )
    start = label.offsets.get(axis, 0)
    if not factors:
        return ()
    inner, step = factors[0]
    stretches = [(start, start + inner * step, step)]
    for size, stride in factors[1:]:
        last_start, last_stop, last_step = stretches[-1]
        if len(stretches) == 1 and stride == last_stop - last_start and last_step == 1:
            stretches = [(last_start, last_start + stride * size, 1)]
        else:
            stretches = [(a + i * stride, b + i * stride, s) for i in range(size) for a, b, s in stretches]
    return tuple(stretches)


def _united(one: Rows, other: Rows) -> Rows:
    """Both sets of rows; neighbouring stretches become one."""
    result: list[tuple[int, int, int]] = []
    for start, stop, step in sorted({*one, *other}):
        if result and step == result[-1][2] == 1 and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(stop, result[-1][1]), 1)
        else:
            result.append((start, stop, step))
    return tuple(result)


def _walk_up(scene: Scene, tensor: int, core: Core, found: Surroundings, limit: str) -> None:
    inside_core = {*core.score_ops, *core.value_ops, *core.inner_ops}
    todo: list[tuple[int, int | None]] = [(tensor, None)]
    seen = 0
    while todo and seen < _LONGEST:
        op = scene.maker(*todo.pop())
        if op is None or op.index in inside_core or op.index in found.ops or op.index in scene.claimed:
            continue
        seen += 1
        contraction = scene.contractions.get(op.index)
        is_projection = contraction is not None or "convolution" in op.name
        found.ops[op.index] = _part(scene, op.index, is_projection)
        if is_projection and not (limit and op.module.startswith(limit)):
            continue
        todo += [(t, op.index) for t in op.inputs if _goes_on(scene, t, limit)]


def _goes_on(scene: Scene, tensor: int, limit: str) -> bool:
    """Whether a tensor was made close enough to belong to this attention: in its module, if it has one."""
    op = scene.maker(tensor)
    if op is None or not scene.tensors[tensor].needs_weights:
        return False
    if limit:
        return op.module == limit or op.module.startswith(limit + ".")
    return True


def _part(scene: Scene, index: int, is_projection: bool) -> Component:
    op = scene.ops[index]
    name = short_name(op.name)
    if is_projection:
        return "projections"
    if name in _COPIES and any(
        scene.axes.all[a].kind == "broadcast" for t in op.outputs for a in scene.label(t).axes()
    ):
        return "copies"
    if name in ("mul", "add", "sub") and any(not scene.tensors[t].needs_weights for t in op.inputs):
        return "positions"
    return "projections"


def _walk_down(scene: Scene, core: Core, size: int, found: Surroundings) -> None:
    """From the core's output to the product with a parameter that projects all `size` features of it."""
    width = _width_axes(scene, core)
    todo, seen = [core.output], set[int]()
    while todo and len(seen) < _LONGEST_WAY_OUT:
        tensor = todo.pop(0)
        for index in scene.consumers.get(tensor, ()):
            op = scene.ops[index]
            if index in seen or index in scene.claimed or index <= core.value_ops[0]:
                continue
            seen.add(index)
            if index in scene.contractions:
                name, rows = _output_projection(scene, scene.contractions[index], tensor, size, width)
                if name and "output" not in found.parameters:
                    found.add("output", name, rows)
                    found.ops[index] = "projections"
                    return
            elif op.outputs and _keeps_width(scene, op.outputs[0], width) and not _is_residual(scene, op):
                found.ops.setdefault(index, "projections")
                todo += [*op.outputs, *_buffers(scene, op)]


def _output_projection(
    scene: Scene, product: Contraction, tensor: int, size: int, width: frozenset[int]
) -> tuple[str, Rows]:
    """The parameter that a product multiplies `tensor` with, when it sums all its features, no others."""
    if product.lhs == tensor:
        weight, summed, free = product.rhs, product.lhs_contracted, product.rhs_free
    else:
        weight, summed, free = product.lhs, product.rhs_contracted, product.lhs_free
    sums_features = bool(scene.axes.roots(summed[0] if summed else ()) & width)
    if not (scene.is_weight(weight) and product.contracted_size == size and sums_features):
        return "", ()
    return parameter_of(scene, Label(free, scene.label(weight).offsets), prefer_last=True)


def _is_residual(scene: Scene, op: Op) -> bool:
    """A sum of two computed tensors ends the attention."""
    return short_name(op.name) == "add" and len([t for t in op.inputs if scene.is_data(t)]) > 1


def _buffers(scene: Scene, op: Op) -> list[int]:
    """The whole buffers into parts of which an op wrote."""
    blanks = (scene.labelling.blanks.get(scene.tensors[tensor].storage) for tensor in op.writes)
    return [blank for blank in blanks if blank is not None]


def _width_axes(scene: Scene, core: Core) -> frozenset[int]:
    """Roots of the axes that the output's features count."""
    label = scene.label(core.output)
    widths = [dim for dim in label.dims if scene.is_width(dim)]
    return frozenset(root for dim in (*widths, *label.dims[-1:]) for root in scene.axes.roots(dim))


def _keeps_width(scene: Scene, tensor: int, width: frozenset[int]) -> bool:
    return any(scene.axes.roots(dim) & width for dim in scene.label(tensor).dims)
