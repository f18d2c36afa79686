"""How labels pass through ops that take dims away or shorten them."""

from __future__ import annotations

from attnprobe.records import Op
from attnprobe.tracing.axes.labelling import Labelling, argument, transfer


@transfer(
    "mean amax amin max min prod any all var std var_mean logsumexp linalg_vector_norm norm argmax argmin",
    "median nansum std_mean aminmax mode",
)
def reduction(labelling: Labelling, op: Op) -> None:
    """The reduced dims go, or stay with size 1."""
    label = labelling.label(op.inputs[0])
    rank = len(label.dims)
    gone = reduced_dims(labelling, op)
    for output in op.outputs:
        if len(labelling.shape(output)) == rank:
            dims = [() if i in gone else dim for i, dim in enumerate(label.dims)]
        else:
            dims = [dim for i, dim in enumerate(label.dims) if i not in gone]
        labelling.set(output, dims, label.offsets)


def reduced_dims(labelling: Labelling, op: Op) -> tuple[int, ...]:
    """Indices of the dims that a reduction takes away."""
    rank = len(labelling.shape(op.inputs[0]))
    position = 2 if ".linalg_vector_norm" in op.name or op.name.startswith("aten.norm") else 1
    dims = argument(op, position, "dim", None)
    if isinstance(dims, int) and not isinstance(dims, bool):
        dims = (dims,)
    if not isinstance(dims, tuple) or not dims:
        return tuple(range(rank))
    return tuple(dim % max(rank, 1) for dim in dims)


@transfer(
    "avg_pool1d avg_pool2d avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_avg_pool1d",
    "adaptive_max_pool2d max_pool2d_with_indices max_pool3d_with_indices constant_pad_nd reflection_pad2d",
    "reflection_pad1d replication_pad2d upsample_bilinear2d upsample_nearest2d upsample_bicubic2d",
    "upsample_nearest1d upsample_linear1d topk gather _upsample_bicubic2d_aa _upsample_bilinear2d_aa",
    "pixel_unshuffle pixel_shuffle index_select narrow_copy max_pool1d_with_indices",
)
def resized(labelling: Labelling, op: Op) -> None:
    """Dims of unchanged size keep their label; the others descend from theirs."""
    label, own = labelling.label(op.inputs[0]), labelling.shape(op.inputs[0])
    for output in op.outputs:
        shape = labelling.shape(output)
        if len(shape) != len(own):
            continue
        dims = [
            label.dims[i] if own[i] == size else labelling.derived(op, size, label.dims[i])
            for i, size in enumerate(shape)
        ]
        labelling.set(output, dims, label.offsets)
