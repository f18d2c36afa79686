"""Gradients of chosen tensors as they arrive in a backward pass, so that none has to be kept."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

Key = TypeVar("Key", bound=Hashable)


class Gathered(Generic[Key]):
    """Hooks on tensors that belong together; hands out their gradients once all of them are there."""

    def __init__(
        self, tensors: Mapping[Key, Tensor], deliver: Callable[[Mapping[Key, Tensor]], None]
    ) -> None:
        """Args: deliver is called with the gradients, at the latest on `close` with those that came."""
        self._deliver, self._count = deliver, len(tensors)
        self._found: dict[Key, Tensor] = {}
        self._hooks: list[Any] = [
            tensor.register_hook(partial(self._arrived, key))  # type: ignore[no-untyped-call]
            for key, tensor in tensors.items()
        ]

    def _arrived(self, key: Key, gradient: Tensor) -> None:
        self._found[key] = gradient
        if len(self._found) == self._count:
            self._hand_out()

    def _hand_out(self) -> None:
        found, self._found = self._found, {}
        if found:
            with torch.no_grad():
                self._deliver(found)

    def close(self) -> None:
        """Hand out what came, and remove the hooks: they and their tensors would keep each other alive."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()
        self._hand_out()


def sweep(scalar: Tensor, targets: Sequence[Tensor], gathered: Sequence[Gathered[Any]]) -> None:
    """Differentiate for some tensors and nothing before them; the graph stays.

    Raises:
        RuntimeError: The graph cannot be differentiated for chosen tensors (reentrant checkpoints).
    """
    try:
        if targets:
            torch.autograd.grad(scalar, earliest(targets), retain_graph=True, allow_unused=True)
    finally:
        for one in gathered:
            one.close()


def earliest(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Those of which no other depends: gradients for these pass through all the rest."""
    nodes = {tensor.grad_fn for tensor in tensors if tensor.grad_fn is not None}
    return [tensor for tensor in tensors if not _reaches(tensor.grad_fn, nodes)]


def _reaches(start: Any, nodes: set[Any]) -> bool:
    """Whether any of the nodes lies behind the first one in the graph."""
    pending, seen = [start], {start}
    while pending:
        node = pending.pop()
        for following, _ in node.next_functions if node is not None else ():
            if following is None or following in seen:
                continue
            if following in nodes:
                return True
            seen.add(following)
            pending.append(following)
    return False
