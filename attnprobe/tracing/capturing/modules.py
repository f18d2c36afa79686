"""Which module is running, and for the how-manieth time."""

from __future__ import annotations

from collections import Counter
from types import TracebackType
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook


class ModuleStack:
    """The stack of running modules, kept by global hooks: they see keyword-only calls, survive exceptions.

    A module that is not part of the model (made during the forward) is named by its class, below its caller.
    While the backward pass recomputes a checkpointed part, calls are matched to those of the first forward:
    the last call is recomputed first.
    """

    def __init__(self, model: nn.Module) -> None:
        self._names = {id(module): name for name, module in model.named_modules()}
        self._stack: list[tuple[int, str, int]] = []  # (id, qualified name, call)
        # Ops so far in each running call; the first counts those outside of all.
        self._ops: list[Counter[str]] = [Counter()]
        self._calls: Counter[str] = Counter()
        self._recomputed: Counter[str] = Counter()
        self._handles: list[Any] = []

    def __enter__(self) -> ModuleStack:
        self._handles = [
            register_module_forward_pre_hook(self._enter),
            register_module_forward_hook(self._leave, always_call=True),
        ]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._handles:
            handle.remove()
        self._stack.clear()

    @property
    def current(self) -> tuple[str, int]:
        """Qualified name of the innermost running module and number of its call; ("", 0) outside of all."""
        return self._stack[-1][1:] if self._stack else ("", 0)

    @property
    def is_inside(self) -> bool:
        """Whether any module is running."""
        return bool(self._stack)

    def _enter(self, module: nn.Module, _: Any) -> None:
        name = self._names.get(id(module))
        if name is None:
            outer = self._stack[-1][1] if self._stack else ""
            name = f"{outer}.<{type(module).__name__}>".lstrip(".")
        if _is_recomputing():
            call = max(self._calls[name] - 1 - self._recomputed[name], 0)
            self._recomputed[name] += 1
        else:
            call = self._calls[name]
            self._calls[name] += 1
        self._stack.append((id(module), name, call))
        self._ops.append(Counter())

    def _leave(self, module: nn.Module, *_: Any) -> None:
        while self._stack:
            self._ops.pop()
            if self._stack.pop()[0] == id(module):
                return

    def count_op(self, name: str) -> int:
        """Number of this op among those of its name in the innermost running call.

        Nested calls count for themselves. By name, since a pass without gradients leaves out the `detach` of
        saved results.
        """
        self._ops[-1][name] += 1
        return self._ops[-1][name]


def _is_recomputing() -> bool:
    return torch._C._current_autograd_node() is not None and torch.is_grad_enabled()
