"""Attention found without attnprobe: by watching the functions that attention goes through.

Every call of softmax, of scaled dot-product attention and of torch's multi-head attention is noted with the
module that made it. Attention without any of these is known by the class of its module. What a softmax is for
(a router of experts is no attention) is then decided by reading the model's code: see `expected.json`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

FUNCTIONS = frozenset({"softmax", "scaled_dot_product_attention", "multi_head_attention_forward"})
CLASSES = frozenset({"EfficientNetSqueezeExciteLayer", "RegNetSELayer", "Qwen3NextGatedDeltaNet"})

Call = tuple[str, int]  # qualified name of a module, number of the call of it


def watched_calls(model: nn.Module, inputs: dict[str, Any]) -> Counter[str]:
    """Pattern of module names (numbers become `*`) -> calls of such modules that use a watched function."""
    with torch.no_grad(), _Spy(model) as spy:
        model(**inputs)
    return Counter(pattern(name) for name, _ in dict.fromkeys(spy.found))


def pattern(name: str) -> str:
    """ "h.0.attn" -> "h.*.attn"."""
    return ".".join("*" if part.isdigit() else part for part in name.split("."))


class _Spy(TorchFunctionMode):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.found: list[Call] = []
        self._model = model
        self._names = {module: name for name, module in model.named_modules()}
        self._calls: Counter[str] = Counter()
        self._stack: list[tuple[nn.Module, Call]] = []
        self._hooks: list[Any] = []

    def __enter__(self) -> _Spy:
        for module in self._names:
            self._hooks.append(module.register_forward_pre_hook(self._entered))
            self._hooks.append(module.register_forward_hook(self._left, always_call=True))
        super().__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        for hook in self._hooks:
            hook.remove()

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if re.sub(r"_$", "", getattr(function, "__name__", "")) in FUNCTIONS:
            self.found.append(self._owner())
        return function(*args, **(kwargs or {}))

    def _owner(self) -> Call:
        """The innermost module that is more than a softmax."""
        calls = [call for module, call in self._stack if not isinstance(module, nn.Softmax)]
        return calls[-1] if calls else ("", 0)

    def _entered(self, module: nn.Module, args: Any) -> None:
        name = self._names[module]
        self._stack.append((module, (name, self._calls[name])))
        self._calls[name] += 1
        if type(module).__name__ in CLASSES:
            self.found.append(self._stack[-1][1])

    def _left(self, module: nn.Module, args: Any, output: Any) -> None:
        self._stack.pop()
