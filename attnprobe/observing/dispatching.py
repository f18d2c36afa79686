"""What every way of following a run shares: each dispatched op goes through one function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

SILENT_OPS = frozenset(  # ask about a tensor, compute nothing: neither counted nor recorded
    {"prim::device", "aten::sym_size", "aten::sym_stride", "aten::sym_numel", "aten::is_same_size"}
)

RunOp = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]  # (op, positional, by keyword) -> its result


class Dispatched(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Hands every ATen op to a function, which runs it."""

    def __init__(self, run: RunOp) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._run = run

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return self._run(func, args, kwargs or {})


def flat_tensors(value: Any) -> Iterator[Tensor]:
    """The tensors among an op's arguments or results, in order; lists are looked into."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from flat_tensors(item)
