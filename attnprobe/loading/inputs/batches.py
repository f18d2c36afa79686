"""The user's own data: an iterable of batches, of which the first few become calls of the model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_map_only
from torch.utils.data import DataLoader, Dataset, IterableDataset

from attnprobe.errors import TargetError
from attnprobe.loading.building.arguments import required_of
from attnprobe.loading.building.recipe import Data
from attnprobe.loading.building.user_code import shown, users_code
from attnprobe.loading.inputs.examples import Call
from attnprobe.loading.inputs.fitting import fitted
from attnprobe.loading.inputs.sampling import DEFAULT_BATCH_SIZE
from attnprobe.records import ScanOptions

DEFAULT_BATCHES = 4


@dataclass(frozen=True, slots=True)
class Batches:
    """Calls of the model, and per call what the loss gets where that is more."""

    calls: tuple[Call, ...]
    loss_inputs: tuple[Any, ...]
    guessed: tuple[str, ...]


def read(
    data: Data, module: nn.Module, options: ScanOptions, prepare: Callable[[Any], Any], *, has_loss: bool
) -> Batches:
    """The first batches of the data, each as the call that the forward takes.

    Args:
        prepare: Applied to every batch: brings its tensors to the model's dtype and device.
        has_loss: Whether the user's loss(outputs, inputs) will be shown the whole batch.

    Raises:
        ModelError: The data's code raised.
        TargetError: It holds no batches, or one that is no tensor, tuple, list or dict of tensors.
    """
    wanted = DEFAULT_BATCHES if options.batches is None else options.batches
    with users_code(f"reading {data.name}"):
        batches = list(islice(_batches(data, options), wanted))
    if not batches:
        raise TargetError(f"{data.name} holds no batch", hint="It must yield at least one.")
    batches = [prepare(batch) for batch in batches]
    fits = [
        fitted(batch, module, f"{data.name}: batch {number}", has_loss=has_loss)
        for number, batch in enumerate(batches)
    ]
    left_out = dict.fromkeys(part for fit in fits for part in fit.left_out)
    guessed = [_left_out(data, tuple(left_out), has_loss)] if left_out else []
    if options.batches is not None and len(batches) < options.batches:
        guessed.append(f"{data.name} ended after {len(batches)} of {options.batches} batches.")
    return Batches(
        tuple((fit.args, fit.kwargs) for fit in fits),
        tuple(batches) if left_out and has_loss else (),
        tuple(guessed),
    )


def _batches(data: Data, options: ScanOptions) -> Iterator[Any]:
    value = data.value
    if callable(value) and not isinstance(value, Iterable):
        _check_callable(value, data.name)
        value = value()
    if isinstance(value, Dataset) and not isinstance(value, IterableDataset):
        value = DataLoader(value, batch_size=options.batch_size or DEFAULT_BATCH_SIZE)
    if isinstance(value, (torch.Tensor, tuple, Mapping)):
        return iter((value,))
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        raise TargetError(
            f"{data.name} is of type {shown(type(value).__name__)}; expected an iterable of batches",
            hint="Name a DataLoader, a list of batches, or a function that returns or yields batches.",
        )
    return iter(value)


def _check_callable(value: Any, name: str) -> None:
    if isinstance(value, nn.Module):
        raise TargetError(f"{name} is a model; expected an iterable of batches")
    needed = ", ".join(parameter.name for parameter in required_of(value))
    if needed:
        raise TargetError(
            f"{name} needs arguments: {needed}",
            hint="Name a function that is called without arguments, or the DataLoader itself.",
        )


def _left_out(data: Data, parts: tuple[str, ...], has_loss: bool) -> str:
    where = "only loss(outputs, inputs) gets it" if has_loss else "it is left out"
    return f"The forward does not take {', '.join(parts)} of {data.name}: {where}."


def caster(dtype: str | None, device: torch.device | None) -> Callable[[Any], Any]:
    """Brings the tensors of a batch to a device, and the floating ones to a dtype. None leaves them."""
    target: torch.dtype | None = None if dtype is None else getattr(torch, dtype)

    def cast(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.to(device=device, dtype=target if tensor.is_floating_point() else None)

    def prepare(batch: Any) -> Any:
        if isinstance(batch, Mapping) and type(batch) is not dict:  # transformers' BatchEncoding, say
            batch = dict(batch)
        return tree_map_only(torch.Tensor, cast, batch)

    return prepare
