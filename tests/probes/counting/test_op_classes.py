"""The classes of ops against what torch itself says of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from attnprobe.probes.counting.op_classes import is_activation, op_class


def overloads() -> Iterator[Any]:
    """Every ATen op that a capture can see: mere compositions of others are taken apart before."""
    for name in torch._C._dispatch_get_all_op_names():
        if name.startswith("aten::") and not torch._C._dispatch_has_kernel_for_dispatch_key(
            name, "CompositeImplicitAutograd"
        ):
            packet, _, overload = name.removeprefix("aten::").partition(".")
            op = getattr(getattr(torch.ops.aten, packet, None), overload or "default", None)
            if op is not None:
                yield op


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("aten.add_.Tensor", "elementwise"),
        ("aten._softmax.default", "reduction"),
        ("aten._softmax_backward_data.default", "reduction"),
        ("aten.native_layer_norm_backward.default", "reduction"),
        ("aten.gelu_backward.default", "elementwise"),
        ("aten.transpose.int", "view"),
        ("aten.clone.default", "copy"),
        ("aten._to_copy.default", "copy"),
        ("aten.embedding.default", "copy"),
        ("aten.arange.default", "free"),
        ("aten.bmm.default", "contraction"),
        ("prim.device.default", "free"),
        ("aten.linalg_inv_ex.default", "unknown"),
        ("natten.na1d_forward.default", "unknown"),
    ],
)
def test_an_op_has_the_class_of_its_work(name: str, expected: str) -> None:
    assert op_class(name) == expected


def test_every_pointwise_op_of_torch_has_a_class() -> None:
    # torch also tags `clone`, `positive` and `equal`, and the two-tensor forms of `max` and `min`
    found = {op_class(str(op)) for op in overloads() if torch.Tag.pointwise in op.tags}
    assert "unknown" not in found
    assert "contraction" not in found
    odd = {
        str(op) for op in overloads() if torch.Tag.pointwise in op.tags and op_class(str(op)) != "elementwise"
    }
    assert {name.split(".")[1] for name in odd} <= {"clone", "positive", "equal", "max", "min"}


def test_every_view_and_every_core_op_of_torch_is_known() -> None:
    core = [str(op) for op in overloads() if torch.Tag.core in op.tags]
    assert [name for name in core if op_class(name) == "unknown"] == []
    views = {str(op) for op in overloads() if op.is_view and op_class(str(op)) != "view"}
    assert {name.split(".")[1] for name in views} <= {"_test_autograd_multiple_dispatch_view"}


def test_activations_are_told_from_other_elementwise_ops() -> None:
    assert is_activation("aten.gelu.default")
    assert is_activation("aten.silu_.default")
    assert not is_activation("aten.mul.Tensor")
    assert not is_activation("aten._softmax.default")
