"""How labels pass through ops that put tensors together, take entries out, or repeat them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attnprobe.records import Op, Ref
from attnprobe.tracing.axes.algebra import Dim, Label, joined, size_of
from attnprobe.tracing.axes.labelling import Labelling, argument, pointwise, short_name, transfer


@transfer("cat", "concat", "_cat", "concatenate")
def cat(labelling: Labelling, op: Op) -> None:
    """Along `dim`: the same axis when the parts are stretches of one, else a new axis made of pieces."""
    output = op.outputs[0]
    parts = [t for t in op.inputs if len(labelling.shape(t)) == len(labelling.shape(output))]
    rank = len(labelling.shape(output))
    dim = argument(op, 1, "dim", 0) % max(rank, 1)
    main = max(
        parts,
        key=lambda t: (labelling.tensors[t].from_input, labelling.tensors[t].needs_weights, -parts.index(t)),
    )
    base = labelling.label(main)
    pieces = [
        (labelling.label(t).dims[dim], labelling.label(t).offsets, labelling.shape(t)[dim]) for t in parts
    ]
    whole, start = _rejoined(pieces)
    offsets = dict(base.offsets)
    if whole is None:
        whole = labelling.axes.new(
            "derived",
            labelling.shape(output)[dim],
            birth=op.index,
            parents={axis for piece, _, _ in pieces for axis, _, _ in piece},
            pieces=tuple((piece, dict(known)) for piece, known, _ in pieces),
        )
    else:
        offsets.update(start)
    labelling.set(output, [*base.dims[:dim], whole, *base.dims[dim + 1 :]], offsets)


def _rejoined(pieces: Sequence[tuple[Dim, Mapping[int, int], int]]) -> tuple[Dim | None, dict[int, int]]:
    """Stretches of one axis that cover a longer stretch, in any order (a rotation swaps its halves)."""
    if any(len(dim) != 1 for dim, _, _ in pieces):
        return None, {}
    axes = {(dim[0][0], dim[0][2]) for dim, _, _ in pieces}
    if len(axes) != 1:
        return None, {}
    axis, stride = axes.pop()
    spans = sorted((known.get(axis, 0), size) for _, known, size in pieces)
    position = spans[0][0]
    for start, size in spans:
        if start != position:
            return None, {}
        position += size * stride
    return ((axis, sum(size for _, size in spans), stride),), {axis: spans[0][0]}


@transfer("stack")
def stack(labelling: Labelling, op: Op) -> None:
    """A new dim; where the parts are the entries of an unbound one, it is a new axis all the same."""
    base = labelling.label(op.inputs[0])
    shape = labelling.shape(op.outputs[0])
    dim = argument(op, 1, "dim", 0) % len(shape)
    new = labelling.axes.new("fresh", shape[dim], birth=op.index)
    labelling.set(op.outputs[0], [*base.dims[:dim], new, *base.dims[dim:]], base.offsets)


@transfer("repeat", "tile")
def repeat(labelling: Labelling, op: Op) -> None:
    """Each repeated dim is a broadcast axis outside the repeated one."""
    label, shape = labelling.label(op.inputs[0]), labelling.shape(op.outputs[0])
    added = len(shape) - len(label.dims)
    own = (1,) * added + labelling.shape(op.inputs[0])
    dims = [()] * added + list(label.dims)
    new = [
        joined((*labelling.axes.new("broadcast", size // max(old, 1), birth=op.index), *dim))
        for size, old, dim in zip(shape, own, dims, strict=True)
    ]
    labelling.set(op.outputs[0], new, label.offsets)


@transfer("index", "_unsafe_index")
def index(labelling: Labelling, op: Op) -> None:
    """x[:, ids], x[rows, ids]: indexed neighbours are replaced by their descendants, or by the ids' dims."""
    label, own = labelling.label(op.inputs[0]), labelling.shape(op.inputs[0])
    output, shape = op.outputs[0], labelling.shape(op.outputs[0])
    used = [i for i, value in enumerate(op.arguments[1]) if isinstance(value, Ref)]
    before, after = label.dims[: used[0]], label.dims[used[-1] + 1 :]
    width = len(shape) - len(before) - len(after)
    untouched = (*own[: used[0]], *shape[used[0] : used[0] + width], *own[used[-1] + 1 :])
    if used != list(range(used[0], used[-1] + 1)) or width < 1 or untouched != shape:
        labelling.set(output, [labelling.derived(op, size, *label.dims) for size in shape])
        return
    replaced = label.dims[used[0] : used[-1] + 1]
    ids = labelling.label(op.arguments[1][used[0]].id).dims
    is_looked_up = len(used) == 1 and width > 1 and len(ids) == width
    new = (
        list(ids)
        if is_looked_up
        else [labelling.derived(op, size, *replaced) for size in shape[used[0] : used[0] + width]]
    )
    labelling.set(output, [*before, *new, *after], label.offsets)


@transfer("masked_fill index_put index_add index_copy scatter slice_scatter select_scatter copy_")
def written_into(labelling: Labelling, op: Op) -> None:
    """The first operand with some entries replaced; a blank buffer is labelled by what is written into it."""
    target = op.inputs[0]
    label = labelling.label(target)
    blank = labelling.blanks.get(labelling.tensors[target].storage)
    source = next((t for t in op.inputs[1:] if labelling.tensors[t].needs_weights), None)
    if blank is not None and source is not None and short_name(op.name) in ("copy_", "index_put_"):
        before, label = label, _like_source(labelling, op, target, source)
        labelling.labels[target] = label
        if blank not in labelling.filled and blank != target:  # the first write names the buffer's dims
            labelling.filled.add(blank)
            labelling.labels[blank] = _named_after(labelling, op, labelling.label(blank), before, label)
    for output in op.outputs:
        if labelling.shape(output) == labelling.shape(target):
            labelling.set(output, label.dims, label.offsets)


def _like_source(labelling: Labelling, op: Op, tensor: int, source: int) -> Label:
    """The source's dims for a buffer, aligned at the last one; one of another size descends from them."""
    shape, own, label = labelling.shape(tensor), labelling.shape(source), labelling.label(source)
    old = labelling.label(tensor)
    offset = len(shape) - len(own)
    dims: list[Dim] = []
    for i, size in enumerate(shape):
        j = i - offset
        if j < 0:
            dims.append(old.dims[i])
        elif own[j] == size:
            dims.append(label.dims[j])
        else:
            dims.append(labelling.derived(op, size, label.dims[j] or old.dims[i]))
    return Label(tuple(dims))


def _named_after(labelling: Labelling, op: Op, buffer: Label, view: Label, written: Label) -> Label:
    """The buffer's dims after a view of it was written: each takes the name of what was written along it."""
    names = {dim[0][0]: new for dim, new in zip(view.dims, written.dims, strict=False) if dim and new}
    dims: list[Dim] = []
    for dim in buffer.dims:
        new = names.get(dim[0][0]) if dim else None
        if new is not None and size_of(new) != size_of(dim):
            new = labelling.derived(op, size_of(dim), new)
        dims.append(dim if new is None else new)
    return Label(tuple(dims))


@transfer(
    "where add sub mul div lerp addcmul maximum minimum pow rsub true_divide addcdiv gelu sigmoid exp",
    "tanh",
)
def elementwise(labelling: Labelling, op: Op) -> None:
    """Pointwise with broadcasting."""
    for output in op.outputs:
        if output not in op.inputs:
            pointwise(labelling, op, output)
