"""Matrix products."""

from __future__ import annotations

from math import prod

from attnprobe.probes.counting.call import OpCall, Shape
from attnprobe.probes.counting.formulas import formula


@formula(
    "aten.mm", "aten._int_mm", "aten._scaled_mm", "aten._scaled_mm_v2", "aten._sparse_semi_structured_mm"
)
def mm(call: OpCall) -> int:
    """[M, K] x [K, N]: 2 M K N."""
    return _product(call.shape(0), call.shape(1))


@formula("aten.addmm", "aten._addmm_activation", "aten._sparse_semi_structured_addmm")
def addmm(call: OpCall) -> int:
    """C + [M, K] x [K, N]: 2 M K N; adding C is not counted."""
    return _product(call.shape(1), call.shape(2))


@formula("aten.bmm")
def bmm(call: OpCall) -> int:
    """[B, M, K] x [B, K, N]: 2 B M K N."""
    return call.shape(0)[0] * _product(call.shape(0)[1:], call.shape(1)[1:])


@formula("aten.baddbmm", "aten.addbmm")
def baddbmm(call: OpCall) -> int:
    """C + [B, M, K] x [B, K, N]: 2 B M K N."""
    return call.shape(1)[0] * _product(call.shape(1)[1:], call.shape(2)[1:])


@formula("aten.mv", "aten.dot", "aten.vdot")
def mv(call: OpCall) -> int:
    """[M, K] x [K] or [K] x [K]: 2 operations for each element of the first."""
    return 2 * prod(call.shape(0))


@formula("aten.addmv")
def addmv(call: OpCall) -> int:
    """c + [M, K] x [K]: 2 M K."""
    return 2 * prod(call.shape(1))


@formula("aten.matmul")
def matmul(call: OpCall) -> int:
    """[..., M, K] x [..., K, N] with broadcast batches: 2 K for each element of the result."""
    return 2 * call.shape(0)[-1] * prod(call.output())


@formula(
    "aten.linear", "aten.mkldnn_linear", "aten._sparse_semi_structured_linear", "mkl._mkl_linear",
    "aten._weight_int4pack_mm", "aten._weight_int4pack_mm_for_cpu", "aten._weight_int8pack_mm",
    "aten._weight_int4pack_mm_with_scales_and_zeros", "aten._dyn_quant_matmul_4bit",
)  # fmt: skip
def linear(call: OpCall) -> int:
    """[..., K] with a weight [N, K], packed or not: 2 K for each element of the result. No bias."""
    return 2 * call.shape(0)[-1] * prod(call.output())


@formula(
    "aten._grouped_mm",
    "aten._scaled_grouped_mm",
    "aten._scaled_grouped_mm_v2",
    "transformers.grouped_mm_fallback",
)
def grouped_mm(call: OpCall) -> int:
    """Rows (or columns) in groups, each with its own matrix; mixture-of-experts layers.

    [M, K] x [G, K, N]   rows in groups      -> 2 M K N
    [G, M, K] x [K, N]   columns in groups   -> 2 M K N
    [M, K] x [K, N]      K in groups         -> 2 M K N
    [G, M, K] x [G, K, N] one product each   -> 2 G M K N

    Every row counts as belonging to a group: rows past the last offset, which are not computed, cannot be
    told from shapes.
    """
    one, other = call.shape(0), call.shape(1)
    groups = one[0] if len(one) == 3 and len(other) == 3 else 1
    return groups * _product(one[-2:], other[-2:])


def _product(one: Shape, other: Shape) -> int:
    """2 M K N of [M, K] x [K, N]."""
    rows, inner = one
    return 2 * rows * inner * other[-1]
