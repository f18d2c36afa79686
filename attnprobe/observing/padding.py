"""Which positions of the inputs are padding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from attnprobe.records import LoadedModel


def paddings(model: LoadedModel) -> tuple[Tensor, ...]:
    """bool [B, S] per input that marks padding, True for real tokens; only those with padding in them.

    Told by masks among the inputs (two dims, zeros and ones), else by the `padding_idx` of an embedding,
    where the ids hold it in a run at their start or end.
    """
    masks = [mask for name, tensor in _inputs(model) if (mask := _as_mask(name, tensor)) is not None]
    if not masks:
        masks = list(_by_index(model))
    return tuple(mask for mask in masks if not bool(mask.all()) and bool(mask.any()))


def tokens_of(found: tuple[Tensor, ...], samples: int, length: int) -> Tensor | None:
    """The padding mask of a sequence of this length; None when there is none, or more than one."""
    fitting = [mask for mask in found if mask.shape == (samples, length)]
    return fitting[0] if len(fitting) == 1 else None


def _inputs(model: LoadedModel) -> Iterator[tuple[str, Tensor]]:
    named = (*((str(i), value) for i, value in enumerate(model.args)), *model.kwargs.items())
    for name, value in named:
        yield from _tensors(name, value)


def _tensors(name: str, value: Any) -> Iterator[tuple[str, Tensor]]:
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _tensors(str(key), item)


def _as_mask(name: str, tensor: Tensor) -> Tensor | None:
    """True where a token is real. A bool mask named after padding marks the padding itself."""
    if tensor.dim() != 2 or "mask" not in name:
        return None
    if tensor.dtype == torch.bool:
        return ~tensor if "padding" in name else tensor
    if tensor.is_complex() or not bool(((tensor == 0) | (tensor == 1)).all()):
        return None
    return tensor > 0


def _by_index(model: LoadedModel) -> Iterator[Tensor]:
    indices = {
        part.padding_idx
        for part in model.module.modules()
        if isinstance(part, nn.Embedding) and part.padding_idx is not None
    }
    if len(indices) != 1:
        return
    (index,) = indices
    for _, ids in _inputs(model):
        if ids.dim() == 2 and not ids.is_floating_point() and ids.dtype != torch.bool:
            is_padding = ids == index
            leading = is_padding.long().cumprod(1).bool()
            trailing = is_padding.flip(1).long().cumprod(1).flip(1).bool()
            yield ~(leading | trailing)
