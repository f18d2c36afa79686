"""Inputs with something changed in them: tokens from a place on, other samples, the order."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from attnprobe.fake_tensors import steers
from attnprobe.records import LoadedModel
from attnprobe.resizing import input_tensors, with_changed

_SPREAD = 10.0  # of redrawn floats, in standard deviations of what they replace


def content(model: LoadedModel) -> dict[str, Tensor]:
    """The inputs that carry content: ids and floats; not masks, positions, types or constants."""
    return {name: tensor for name, tensor in input_tensors(model).items() if _is_content(tensor)}


def _is_content(tensor: Tensor) -> bool:
    if tensor.dtype == torch.bool or tensor.is_complex() or tensor.numel() < 2:
        return False
    if tensor.is_floating_point():
        return not steers(tensor.detach()) and bool((tensor != tensor.flatten()[0]).any())
    return len(_values(tensor)) > 2 and not counts(tensor)


def _values(ids: Tensor) -> Tensor:
    values: Tensor = torch.unique(ids)
    return values


def counts(tensor: Tensor) -> bool:
    """Whether its last dim counts 0, 1, 2 …: positions."""
    if tensor.dim() == 0 or tensor.shape[-1] < 2:
        return False
    return bool((tensor.diff(dim=-1) == 1).all())


def redrawn(tensor: Tensor, seed: int) -> Tensor:
    """Other content: every id another one of the same tensor, floats with 10 times their spread."""
    generator = torch.Generator().manual_seed(seed)
    if tensor.is_floating_point():
        noise = torch.randn(tensor.shape, generator=generator).to(tensor.device, tensor.dtype)
        spread = tensor.detach().float().std().clamp(min=1e-3)
        return noise * (spread * _SPREAD).to(tensor.dtype)
    values = _values(tensor)
    steps = torch.randint(1, len(values), tensor.shape, generator=generator).to(tensor.device)
    return values[(torch.searchsorted(values, tensor.contiguous()) + steps) % len(values)]


def changed_from(model: LoadedModel, dims: Mapping[str, int], start: int, seed: int) -> LoadedModel:
    """The content of some inputs redrawn from an index on.

    Args:
        dims: Input name -> the dim along which it is redrawn.
        start: The first index that changes.
    """
    carriers = content(model)

    def change(name: str, tensor: Tensor) -> Tensor:
        if name not in dims or name not in carriers:
            return tensor
        index = torch.arange(tensor.shape[dims[name]], device=tensor.device)
        is_changed = (index >= start).view([-1 if d == dims[name] else 1 for d in range(tensor.dim())])
        return torch.where(is_changed, redrawn(tensor, seed), tensor.detach())

    return with_changed(model, change)


def reordered(model: LoadedModel, dims: Mapping[str, int], order: Tensor) -> LoadedModel:
    """Some inputs with the entries of a dim in another order."""

    def change(name: str, tensor: Tensor) -> Tensor:
        return tensor.index_select(dims[name], order.to(tensor.device)) if name in dims else tensor

    return with_changed(model, change)


def joined_by_another(model: LoadedModel, size: int, without: Collection[str], seed: int) -> LoadedModel:
    """One more sample: every input with `size` samples along dim 0 gets another, its content random.

    Args:
        without: Inputs whose dim 0 counts no samples.
    """
    carriers = content(model)

    def change(name: str, tensor: Tensor) -> Tensor:
        if tensor.dim() == 0 or tensor.shape[0] != size or name in without:
            return tensor
        last = tensor[-1:].detach()
        other = redrawn(last, seed) if name in carriers and _is_content(last) else last
        return torch.cat([tensor.detach(), other])

    return with_changed(model, change)
