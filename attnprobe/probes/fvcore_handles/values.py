"""Shapes of the values in a traced graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Shape = tuple[int, ...]
Handle = Callable[[list[Any], list[Any]], int]  # (inputs, outputs) of a graph node -> multiply-adds


def shape(value: Any) -> Shape:
    """The shape of a tensor value.

    Raises:
        ValueError: The trace does not know it.
    """
    if not value.isCompleteTensor():
        raise ValueError(f"the shape of {value.debugName()} is not known")
    return tuple(value.type().sizes())


def tensors_in_list(value: Any) -> tuple[Any, ...]:
    """The tensor values of a list value; none when it is not a list of known tensors."""
    node = value.node()
    if node.kind() != "prim::ListConstruct":
        return ()
    return tuple(item for item in node.inputs() if item.isCompleteTensor())
