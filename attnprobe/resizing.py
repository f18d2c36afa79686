"""The same model called on changed inputs; at another sequence length, above all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch

from attnprobe.errors import ModelError
from attnprobe.records import LoadedModel

_TAIL = 32


def resized(
    model: LoadedModel, length_dims: Mapping[str, tuple[int, ...]], old: int, new: int
) -> LoadedModel:
    """Inputs cut or repeated along their token dims, so that `old` tokens become `new`.

    Dims of the same position and size in other inputs (masks, labels, position ids) follow.

    Args:
        length_dims: Input name -> dims of its tokens, as in `Trace.length_dims`.

    Raises:
        ModelError: No input has a token dim of that size.
    """
    positions = {dim for dims in length_dims.values() for dim in dims}
    changed: list[str] = []

    def resize(name: str, tensor: torch.Tensor) -> torch.Tensor:
        own = length_dims.get(name, ())
        for dim in sorted(positions):
            if dim < tensor.dim() and (dim in own or tensor.shape[dim] == old) and tensor.shape[dim] > 0:
                target = new if tensor.shape[dim] == old else max(round(tensor.shape[dim] * new / old), 1)
                tensor = _resized(tensor, dim, target)
                changed.append(name)
        return tensor

    other = with_changed(model, resize)
    if not changed:
        raise ModelError("no input has a dimension along which tokens lie")
    return other


def with_changed(model: LoadedModel, change: Callable[[str, torch.Tensor], torch.Tensor]) -> LoadedModel:
    """The model with every tensor of its inputs put through `change(name, tensor)`.

    Names are those of the trace: the keyword, the position, "batch.ids" for an entry of a dict.
    """
    args = tuple(_mapped(str(i), value, change) for i, value in enumerate(model.args))
    kwargs = {name: _mapped(name, value, change) for name, value in model.kwargs.items()}
    return replace(model, args=args, kwargs=kwargs)


def input_tensors(model: LoadedModel) -> dict[str, torch.Tensor]:
    """Every tensor of the inputs by its name."""
    found: dict[str, torch.Tensor] = {}

    def keep(name: str, tensor: torch.Tensor) -> torch.Tensor:
        found[name] = tensor
        return tensor

    with_changed(model, keep)
    return found


def _resized(tensor: torch.Tensor, dim: int, size: int) -> torch.Tensor:
    """Cut, or grown by its own tail: what stands at the start (a picture's placeholders) is not repeated."""
    missing = size - tensor.shape[dim]
    if missing > 0:
        tail = tensor.narrow(dim, max(tensor.shape[dim] - _TAIL, 0), min(tensor.shape[dim], _TAIL))
        tensor = torch.cat([tensor, *[tail] * -(-missing // tail.shape[dim])], dim)
    return tensor.narrow(dim, 0, size).detach().contiguous().requires_grad_(tensor.requires_grad)


def _mapped(name: str, value: Any, change: Callable[[str, torch.Tensor], torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        return change(name, value)
    if isinstance(value, dict):
        return {key: _mapped(f"{name}.{key}", item, change) for key, item in value.items()}
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return type(value)(_mapped(f"{name}.{i}", item, change) for i, item in enumerate(value))
    return value
