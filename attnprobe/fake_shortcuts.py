"""Two shortcuts past torch's fake dispatch, which spends most of its time on keys for its cache.

A view runs straight on the meta tensors underneath. Any other op whose result is one new tensor is run once per
combination of shapes; after that only its result's shape is made again. A 126-layer model repeats each
combination 125 times.
"""

from __future__ import annotations

from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, in_kernel_invocation_manager

_VIEWS = frozenset(
    {
        torch.ops.aten.view.default, torch.ops.aten._unsafe_view.default, torch.ops.aten.t.default, torch.ops.aten.transpose.int,
        torch.ops.aten.permute.default, torch.ops.aten.unsqueeze.default, torch.ops.aten.expand.default, torch.ops.aten.slice.Tensor,
        torch.ops.aten.select.int, torch.ops.aten.detach.default, torch.ops.aten.alias.default, torch.ops.aten.squeeze.dim,
    }
)  # fmt: skip
_REPEATABLE = frozenset(
    {
        torch.ops.aten.mm.default, torch.ops.aten.addmm.default, torch.ops.aten.bmm.default, torch.ops.aten.mul.Tensor, torch.ops.aten.mul.Scalar,
        torch.ops.aten.add.Tensor, torch.ops.aten.sub.Tensor, torch.ops.aten.div.Tensor, torch.ops.aten.div.Scalar, torch.ops.aten.neg.default,
        torch.ops.aten.cat.default, torch.ops.aten._to_copy.default, torch.ops.aten.pow.Tensor_Scalar, torch.ops.aten.mean.dim,
        torch.ops.aten.rsqrt.default, torch.ops.aten.silu.default, torch.ops.aten.gelu.default, torch.ops.aten.clone.default,
        torch.ops.aten.sum.dim_IntList, torch.ops.aten._softmax.default, torch.ops.aten.silu_backward.default, torch.ops.aten.slice_backward.default,
        torch.ops.aten.new_zeros.default, torch.ops.aten.zeros_like.default, torch.ops.aten.sigmoid.default, torch.ops.aten.tanh.default,
    }
)  # fmt: skip
_Made = tuple[tuple[int, ...], tuple[int, ...], torch.dtype]


class FakeShortcuts:
    """Runs ops on fake tensors of one mode, by a shortcut where there is one."""

    def __init__(self, mode: FakeTensorMode) -> None:
        self._mode = mode
        self._made: dict[tuple[Any, ...], _Made] = {}

    def run(self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result of an op of which at least one argument is fake."""
        if func in _VIEWS and type(args[0]) is FakeTensor and not kwargs:
            with in_kernel_invocation_manager(self._mode):
                view = func(*args)
            return FakeTensor(self._mode, view, args[0].fake_device)
        if func not in _REPEATABLE:
            return self._mode.dispatch(func, types, args, kwargs)
        signature = _signature(args, kwargs)
        if signature is None:
            return self._mode.dispatch(func, types, args, kwargs)
        made = self._made.get((func, *signature))
        if made is None:
            result = self._mode.dispatch(func, types, args, kwargs)
            if type(result) is FakeTensor and result.fake_device.type == "cpu" and not _shares(result, args):
                self._made[func, *signature] = (tuple(result.shape), tuple(result.stride()), result.dtype)
            return result
        shape, stride, dtype = made
        return FakeTensor(self._mode, torch.empty_strided(shape, stride, dtype=dtype, device="meta"), _CPU)


_CPU = torch.device("cpu")


def _signature(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...] | None:
    """What the shape of a result depends on; None when an argument is of a kind that is not foreseen."""
    found: list[Any] = []
    for value in (*args, *kwargs.items()) if kwargs else args:
        if isinstance(value, torch.Tensor):
            found.append(_of_tensor(value))
        elif value is None or isinstance(value, (int, float, bool, str, torch.dtype, torch.device)):
            found.append((type(value), value))
        elif isinstance(value, (list, tuple)):
            inner = _signature(tuple(value), {})
            if inner is None:
                return None
            found.append(inner)
        elif isinstance(value, (torch.layout, torch.memory_format)):
            found.append(str(value))
        else:
            return None
    return tuple(found)


def _of_tensor(tensor: torch.Tensor) -> tuple[Any, ...]:
    device = tensor.fake_device.type if isinstance(tensor, FakeTensor) else tensor.device.type
    return tuple(tensor.shape), tensor.stride(), tensor.dtype, device


def _shares(result: torch.Tensor, args: tuple[Any, ...]) -> bool:
    """Whether a result lies in the memory of an argument (a conversion that had nothing to convert)."""
    storage = result.untyped_storage()._cdata
    flat = [item for value in args for item in (value if isinstance(value, (list, tuple)) else (value,))]
    return any(isinstance(value, torch.Tensor) and value.untyped_storage()._cdata == storage for value in flat)
