"""Two shortcuts past torch's fake dispatch, which spends most of its time on keys for its cache.

A view runs straight on the meta tensors underneath. Any other op whose result is one new tensor is run once
per combination of shapes; after that only its result's shape is made again. A 126-layer model repeats each
combination 125 times.
"""

from __future__ import annotations

from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, in_kernel_invocation_manager

_ATEN = torch.ops.aten
_CPU = torch.device("cpu")
_VIEWS = frozenset(
    {
        _ATEN.view.default,
        _ATEN._unsafe_view.default,
        _ATEN.t.default,
        _ATEN.transpose.int,
        _ATEN.permute.default,
        _ATEN.unsqueeze.default,
        _ATEN.expand.default,
        _ATEN.slice.Tensor,
        _ATEN.select.int,
        _ATEN.detach.default,
        _ATEN.alias.default,
        _ATEN.squeeze.dim,
    }
)
_REPEATABLE = frozenset(
    {
        _ATEN.mm.default,
        _ATEN.addmm.default,
        _ATEN.bmm.default,
        _ATEN.mul.Tensor,
        _ATEN.mul.Scalar,
        _ATEN.add.Tensor,
        _ATEN.sub.Tensor,
        _ATEN.div.Tensor,
        _ATEN.div.Scalar,
        _ATEN.neg.default,
        _ATEN.cat.default,
        _ATEN._to_copy.default,
        _ATEN.pow.Tensor_Scalar,
        _ATEN.mean.dim,
        _ATEN.rsqrt.default,
        _ATEN.silu.default,
        _ATEN.gelu.default,
        _ATEN.clone.default,
        _ATEN.sum.dim_IntList,
        _ATEN._softmax.default,
        _ATEN.silu_backward.default,
        _ATEN.slice_backward.default,
        _ATEN.new_zeros.default,
        _ATEN.zeros_like.default,
        _ATEN.sigmoid.default,
        _ATEN.tanh.default,
    }
)
_Made = tuple[tuple[int, ...], tuple[int, ...], torch.dtype]  # shape, stride, dtype of a result


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
        signature = _signature(args, kwargs) if func in _REPEATABLE else None
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
    items = [item for value in args for item in (value if isinstance(value, (list, tuple)) else (value,))]
    tensors = [item for item in items if isinstance(item, torch.Tensor)]
    return any(tensor.untyped_storage()._cdata == storage for tensor in tensors)
