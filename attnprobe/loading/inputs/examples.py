"""What `example_inputs()` of the user's file returns, as calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from attnprobe.errors import TargetError
from attnprobe.loading.building.user_code import users_code

Call = tuple[tuple[Any, ...], dict[str, Any]]


def example_calls(example_inputs: Callable[[], Any]) -> tuple[Call, ...]:
    """Call it once: a tensor, tuple or dict is one call, a list is one call per element.

    Raises:
        ModelError: It raised.
        TargetError: It returned something else, or an empty list.
    """
    with users_code("example_inputs()"):
        value = example_inputs()
    batches = value if isinstance(value, list) else [value]
    if not batches:
        raise TargetError("example_inputs() returned an empty list", hint="Return at least one batch.")
    return tuple(_call_of(batch) for batch in batches)


def _call_of(batch: Any) -> Call:
    if isinstance(batch, torch.Tensor):
        return (batch,), {}
    if isinstance(batch, Mapping) and all(isinstance(name, str) for name in batch):
        return (), dict(batch)
    if isinstance(batch, tuple):
        return batch, {}
    raise TargetError(
        f"example_inputs() returned {type(batch).__name__}; "
        "expected a tensor, a tuple, a dict, or a list of those",
        hint="A dict holds keyword arguments, a tuple positional ones, a list several batches.",
    )
