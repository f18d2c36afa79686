"""How labels pass through products: matmuls, convolutions, fused attention, and products summed by hand."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from attnprobe.records import Op
from attnprobe.tracing.axes.algebra import Dim, axes_of
from attnprobe.tracing.axes.labelling import Contraction, Labelling, short_name, tensor_argument, transfer


@transfer("mm", "bmm", "matmul", "_scaled_mm", "_int_mm")
def matmul(labelling: Labelling, op: Op) -> None:
    """[B, M, K] x [B, K, N] -> [B, M, N]."""
    _product(labelling, op, op.inputs[0], op.inputs[1])


@transfer("addmm", "baddbmm", "_addmm_activation", "addbmm")
def addmm(labelling: Labelling, op: Op) -> None:
    """bias + [M, K] x [K, N]."""
    one, other = tensor_argument(op, 1), tensor_argument(op, 2)
    if one is not None and other is not None:
        _product(labelling, op, one, other)


@transfer("linear")
def linear(labelling: Labelling, op: Op) -> None:
    """[…, K] x [N, K] -> […, N]."""
    data, weight = op.inputs[0], op.inputs[1]
    dims, rows = labelling.label(data).dims, labelling.label(weight).dims
    _write(labelling, op, data, weight, (dims[-1],), (rows[-1],), dims[:-1], rows[:-1], ())


@transfer("mv", "dot", "vdot")
def matvec(labelling: Labelling, op: Op) -> None:
    """[M, K] x [K] -> [M]."""
    one, other = op.inputs[0], op.inputs[1]
    left, right = labelling.label(one).dims, labelling.label(other).dims
    _write(labelling, op, one, other, (left[-1],), (right[-1],), left[:-1], (), ())


@transfer("addmv")
def addmv(labelling: Labelling, op: Op) -> None:
    """bias + [M, K] x [K]."""
    one, other = op.inputs[1], op.inputs[2]
    left, right = labelling.label(one).dims, labelling.label(other).dims
    _write(labelling, op, one, other, (left[-1],), (right[-1],), left[:-1], (), ())


@transfer("sum")
def sum_(labelling: Labelling, op: Op) -> None:
    """A reduction; a product by hand when what it sums was just multiplied from two operands."""
    from attnprobe.tracing.axes.reductions import reduced_dims, reduction

    reduction(labelling, op)
    made = labelling.maker(op.inputs[0], op.index)
    product = labelling.ops[made] if made is not None else None
    if product is None or short_name(product.name).rstrip("_") != "mul" or len(product.inputs) != 2:
        return
    one, other = product.inputs
    if not (labelling.tensors[one].needs_weights and labelling.tensors[other].needs_weights) or one == other:
        return
    _product_by_hand(labelling, op, one, other, reduced_dims(labelling, op))


def _product_by_hand(labelling: Labelling, op: Op, one: int, other: int, summed: Sequence[int]) -> None:
    """(a * b).sum(dims): summed dims are contracted, dims that only one operand has are its free ones."""
    rank = len(labelling.shape(op.inputs[0]))
    left, right = _aligned(labelling, one, rank), _aligned(labelling, other, rank)
    product = labelling.label(op.inputs[0]).dims
    over = [i for i in range(rank) if i in summed]
    kept = [i for i in range(rank) if i not in summed]
    left_free = [i for i in kept if not right[i]]
    right_free = [i for i in kept if right[i] and not left[i]]
    if not any(left[i] for i in over) or not any(right[i] for i in over):
        return
    labelling.contractions[op.index] = Contraction(
        op=op.index,
        lhs=one,
        rhs=other,
        lhs_contracted=tuple(left[i] for i in over),
        rhs_contracted=tuple(right[i] for i in over),
        lhs_free=tuple(product[i] for i in left_free),
        rhs_free=tuple(product[i] for i in right_free),
        batch=tuple(product[i] for i in kept if left[i] and right[i]),
        contracted_size=prod(labelling.shape(op.inputs[0])[i] for i in summed),
        output=op.outputs[0],
        lhs_own=tuple(left[i] for i in left_free),
        rhs_own=tuple(right[i] for i in right_free),
    )


def _aligned(labelling: Labelling, tensor: int, rank: int) -> list[Dim]:
    dims = labelling.label(tensor).dims
    return [()] * (rank - len(dims)) + list(dims)


@transfer("convolution _convolution mkldnn_convolution cudnn_convolution conv1d conv2d conv3d")
def convolution(labelling: Labelling, op: Op) -> None:
    """[B, C, …] -> [B, weight rows, …]; a spatial dim that keeps its size keeps its label."""
    data, weight = op.inputs[0], op.inputs[1]
    label, own = labelling.label(data), labelling.shape(data)
    shape = labelling.shape(op.outputs[0])
    is_transposed = len(op.arguments) > 6 and op.arguments[6] is True
    channels = labelling.label(weight).dims[1 if is_transposed else 0]
    spatial = [
        label.dims[i] if own[i] == shape[i] else labelling.derived(op, shape[i], label.dims[i])
        for i in range(2, len(shape))
    ]
    groups = op.arguments[8] if len(op.arguments) > 8 else 1
    if labelling.shape(weight)[1 if is_transposed else 0] != shape[1] or (
        groups == own[1] and groups == shape[1] and groups > 1
    ):
        channels = label.dims[1] if own[1] == shape[1] else labelling.derived(op, shape[1], label.dims[1])
    labelling.set(op.outputs[0], [label.dims[0], channels, *spatial], label.offsets)


@transfer("embedding", "embedding_bag")
def embedding(labelling: Labelling, op: Op) -> None:
    """weight [V, E], ids […] -> […, E]."""
    weight, ids = op.inputs[0], op.inputs[1]
    label = labelling.label(ids)
    labelling.set(op.outputs[0], [*label.dims, *labelling.label(weight).dims[1:]], label.offsets)


def _product(labelling: Labelling, op: Op, one: int, other: int) -> None:
    left, right = labelling.label(one).dims, labelling.label(other).dims
    if len(left) == len(right) == 3:
        batch = tuple(a or b for a, b in zip(left[:-2], right[:-2], strict=True))
        _write(labelling, op, one, other, (left[-1],), (right[-2],), left[-2:-1], right[-1:], batch)
    elif len(left) == len(right) == 2:
        _write(labelling, op, one, other, (left[-1],), (right[-2],), left[:-1], right[-1:], ())


def _write(
    labelling: Labelling,
    op: Op,
    one: int,
    other: int,
    left_sum: tuple[Dim, ...],
    right_sum: tuple[Dim, ...],
    left_free: Sequence[Dim],
    right_free: Sequence[Dim],
    batch: tuple[Dim, ...],
) -> None:
    """Label the output as batch, left free, right free, and note the contraction."""
    fixed = [*batch, *left_free]
    movable = [False] * len(fixed) + [True] * len(right_free)
    weight_first = [labelling.tensors[t].origin.startswith("parameter") for t in (one, other)] == [
        True,
        False,
    ]
    if weight_first:
        movable = [False] * len(batch) + [True] * len(left_free) + [False] * len(right_free)
    dims = labelling.without_repeats(op, [*fixed, *right_free], movable)
    label = labelling.label(one)
    offsets = {**labelling.label(other).offsets, **label.offsets}
    output = op.outputs[0]
    axes = axes_of(dims)
    labelling.set(output, dims, {axis: start for axis, start in offsets.items() if axis in axes})
    count = len(batch)
    middle = count + len(left_free)
    labelling.contractions[op.index] = Contraction(
        op=op.index,
        lhs=one,
        rhs=other,
        lhs_contracted=left_sum,
        rhs_contracted=right_sum,
        lhs_free=tuple(dims[count:middle]),
        rhs_free=tuple(dims[middle:]),
        batch=tuple(dims[:count]),
        contracted_size=labelling.shape(one)[-1],
        output=output,
        lhs_own=tuple(left_free),
        rhs_own=tuple(right_free),
    )


@transfer(
    "_scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_flash_attention",
    "_scaled_dot_product_efficient_attention _scaled_dot_product_cudnn_attention",
    "_scaled_dot_product_fused_attention_overrideable _scaled_dot_product_attention_math",
    "scaled_dot_product_attention _scaled_dot_product_attention_math_for_mps",
)
def fused_attention(labelling: Labelling, op: Op) -> None:
    """query [B, H, L, D], value [B, G, S, Dv] -> [B, H, L, Dv]."""
    query, value = labelling.label(op.inputs[0]), labelling.label(op.inputs[2])
    dims = labelling.without_repeats(
        op, [*query.dims[:-1], value.dims[-1]], [False] * (len(query.dims) - 1) + [True]
    )
    offsets = {
        axis: start for axis, start in value.offsets.items() if any(f[0] == axis for f in value.dims[-1])
    }
    labelling.set(op.outputs[0], dims, offsets)
