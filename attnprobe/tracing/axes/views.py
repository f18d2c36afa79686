"""How labels pass through ops that only look at the same elements differently."""

from __future__ import annotations

from collections.abc import Mapping

from attnprobe.records import Op
from attnprobe.tracing.axes.algebra import Dim, reshaped, size_of
from attnprobe.tracing.axes.labelling import Labelling, argument, transfer


@transfer(
    "alias detach clone contiguous _to_copy lift_fresh lift_fresh_copy to roll flip dropout softmax",
    "_softmax _log_softmax _safe_softmax cumsum cumprod logcumsumexp native_dropout copy neg view_as",
    "native_layer_norm native_group_norm native_batch_norm _native_batch_norm_legit cudnn_batch_norm",
    "_native_batch_norm_legit_no_training _fused_rms_norm triu tril sort _unsafe_masked_index",
)
def same(labelling: Labelling, op: Op) -> None:
    """Outputs of the shape of the first input carry its label."""
    if not op.inputs:
        return
    label = labelling.label(op.inputs[0])
    shape = labelling.shape(op.inputs[0])
    for output in op.outputs:
        if labelling.shape(output) == shape and output not in labelling.labels:
            labelling.labels[output] = label


@transfer("view _unsafe_view reshape _reshape_alias flatten unflatten squeeze unsqueeze view_copy")
def view(labelling: Labelling, op: Op) -> None:
    """Cut the factors anew. Where the boundaries do not fit, the rest is mixed."""
    label = labelling.label(op.inputs[0])
    shape = labelling.shape(op.outputs[0])
    found, rest = reshaped(label.dims, shape)
    if len(found) < len(shape):
        parents = {axis for axis, _, _ in rest}
        found += [
            labelling.axes.new("mixed", size, birth=op.index, parents=parents) for size in shape[len(found) :]
        ]
    labelling.set(op.outputs[0], found, label.offsets)


@transfer("transpose", "swapaxes", "swapdims")
def transpose(labelling: Labelling, op: Op) -> None:
    """Swap two dims."""
    label = labelling.label(op.inputs[0])
    dims = list(label.dims)
    one, other = op.arguments[1], op.arguments[2]
    if dims:
        dims[one], dims[other] = dims[other], dims[one]
    labelling.set(op.outputs[0], dims, label.offsets)


@transfer("t", "numpy_T", "mT", "adjoint")
def matrix_transpose(labelling: Labelling, op: Op) -> None:
    """Swap the last two dims."""
    label = labelling.label(op.inputs[0])
    dims = list(label.dims)
    labelling.set(op.outputs[0], [*dims[:-2], *dims[:-3:-1]], label.offsets)


@transfer("permute")
def permute(labelling: Labelling, op: Op) -> None:
    """Reorder the dims."""
    label = labelling.label(op.inputs[0])
    labelling.set(op.outputs[0], [label.dims[i] for i in op.arguments[1]], label.offsets)


@transfer("view_as_complex")
def as_complex(labelling: Labelling, op: Op) -> None:
    """Pairs of entries become one: the last dim, of size 2, goes."""
    label = labelling.label(op.inputs[0])
    labelling.set(op.outputs[0], label.dims[:-1], label.offsets)


@transfer("view_as_real")
def as_real(labelling: Labelling, op: Op) -> None:
    """One entry becomes a pair: the steps that the last dim skips, where it skips one in two."""
    label = labelling.label(op.inputs[0])
    last = label.dims[-1] if label.dims else ()
    axis, _, stride = last[-1] if last else (-1, 1, 1)
    pair = ((axis, 2, stride // 2),) if stride % 2 == 0 else labelling.derived(op, 2, last)
    labelling.set(op.outputs[0], [*label.dims, pair], label.offsets)


@transfer("expand", "broadcast_to")
def expand(labelling: Labelling, op: Op) -> None:
    """A dim of size 1 that grows is a broadcast axis; new leading dims too."""
    label = labelling.label(op.inputs[0])
    shape, own = labelling.shape(op.outputs[0]), labelling.shape(op.inputs[0])
    added = len(shape) - len(own)
    dims: list[Dim] = []
    for i, size in enumerate(shape):
        if i >= added and own[i - added] == size:
            dims.append(label.dims[i - added])
        else:
            dims.append(labelling.axes.new("broadcast", size, birth=op.index))
    labelling.set(op.outputs[0], dims, label.offsets)


@transfer("slice", "narrow")
def slice_(labelling: Labelling, op: Op) -> None:
    """A stretch of one dim: the same axis from an offset on."""
    dim = argument(op, 1, "dim", 0)
    start = argument(op, 2, "start", 0) or 0
    step = argument(op, 4, "step", 1) if op.name.startswith("aten.slice") else 1
    part(labelling, op, op.outputs[0], dim, start, step)


@transfer("select")
def select(labelling: Labelling, op: Op) -> None:
    """One entry of one dim: the dim goes, the offset stays."""
    label = labelling.label(op.inputs[0])
    rank = len(label.dims)
    dim, index = op.arguments[1] % max(rank, 1), op.arguments[2]
    gone = label.dims[dim]
    offsets = _moved(label.offsets, gone, index % max(labelling.shape(op.inputs[0])[dim], 1), 1)
    labelling.set(op.outputs[0], [d for i, d in enumerate(label.dims) if i != dim], offsets)


@transfer("unbind")
def unbind(labelling: Labelling, op: Op) -> None:
    """Every entry of one dim."""
    label = labelling.label(op.inputs[0])
    dim = argument(op, 1, "dim", 0) % max(len(label.dims), 1)
    rest = [d for i, d in enumerate(label.dims) if i != dim]
    for index, output in enumerate(op.outputs):
        labelling.set(output, rest, _moved(label.offsets, label.dims[dim], index, 1))


@transfer(
    "split split_with_sizes chunk tensor_split hsplit unsafe_split unsafe_split_with_sizes unsafe_chunk"
)
def split(labelling: Labelling, op: Op) -> None:
    """Neighbouring stretches of one dim."""
    dim = argument(op, 2, "dim", 0)
    start = 0
    for output in op.outputs:
        part(labelling, op, output, dim, start, 1)
        start += labelling.shape(output)[dim]


def part(labelling: Labelling, op: Op, output: int, dim: int, start: int, step: int) -> None:
    """Label `input[start::step]` along one dim, as long as the output is."""
    label = labelling.label(op.inputs[0])
    own, shape = labelling.shape(op.inputs[0]), labelling.shape(output)
    dim %= max(len(own), 1)
    start = max(start + own[dim], 0) if start < 0 else min(start, own[dim])
    if own[dim] == shape[dim]:
        labelling.set(output, label.dims, label.offsets)
        return
    cut, offsets = _cut(label.dims[dim], label.offsets, start, shape[dim], step)
    if cut is None:
        cut = labelling.derived(op, shape[dim], label.dims[dim])
    labelling.set(output, [*label.dims[:dim], cut, *label.dims[dim + 1 :]], offsets)


def _cut(
    dim: Dim, offsets: Mapping[int, int], start: int, length: int, step: int
) -> tuple[Dim | None, dict[int, int]]:
    """`length` entries of a dim from `start` on; None when they are no stretch of its outermost factor."""
    known = dict(offsets)
    if not dim or length == 0:
        return ((), known) if length == 1 else (None, known)
    (axis, _, stride), inner = dim[0], dim[1:]
    inside = size_of(inner)
    if step == 1 and start % inside == 0 and length % inside == 0:
        outer = length // inside
        known[axis] = known.get(axis, 0) + stride * (start // inside)
        return (((axis, outer, stride), *inner) if outer > 1 else inner), known
    if not inner:
        known[axis] = known.get(axis, 0) + stride * start
        return (((axis, length, stride * step),) if length > 1 else ()), known
    return None, known


def _moved(offsets: Mapping[int, int], dim: Dim, index: int, step: int) -> dict[int, int]:
    """Offsets after fixing a dim at one index."""
    known = dict(offsets)
    for axis, size, stride in reversed(dim):
        known[axis] = known.get(axis, 0) + stride * step * (index % size)
        index //= size
    return known
