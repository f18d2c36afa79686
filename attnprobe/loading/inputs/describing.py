"""Inputs as records and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import torch

from attnprobe.records import InputTensor


def described(
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    notes: Mapping[str, str],
    origin: Literal["given", "guessed"],
) -> tuple[InputTensor, ...]:
    """One record per tensor, also of those in nested lists and dicts ("x.0", "batch.ids")."""
    named = [*((str(index), value) for index, value in enumerate(args)), *kwargs.items()]
    return tuple(
        InputTensor(
            name=name,
            shape=tuple(tensor.shape),
            dtype=str(tensor.dtype).removeprefix("torch."),
            origin=origin,
            note=notes.get(name, ""),
        )
        for top, value in named
        for name, tensor in _tensors(top, value)
    )


def _tensors(name: str, value: Any) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _tensors(f"{name}.{key}", item)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _tensors(f"{name}.{index}", item)


def sentences(inputs: tuple[InputTensor, ...]) -> tuple[str, ...]:
    """How each input was guessed."""
    return tuple(
        f"Input {item.name} is {item.dtype}{list(item.shape)}: {item.note}." for item in inputs if item.note
    )
