"""Trying inputs on a model without arithmetic, and leaving no trace of it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from attnprobe.borrowing import borrowed
from attnprobe.fake_tensors import FakeWorld

# What fake tensors cannot answer: the shapes were right up to there.
_UNDECIDED = ("DataDependentOutputException", "DynamicOutputShapeException", "UnsupportedOperatorException")


class IdOutOfRangeError(IndexError):
    """A token id that is not in the table it looks up; a fake table would not notice."""

    def __init__(self, largest: int, rows: int) -> None:
        super().__init__(f"an id of {largest} is looked up in an embedding of {rows} rows")
        self.largest = largest
        self.rows = rows


def trial(
    module: nn.Module, world: FakeWorld, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> BaseException | None:
    """Call the model once in eval mode on fake floating tensors; everything is put back afterwards.

    Returns:
        What it raised, or None when it ran.
    """
    if has_script(module):
        return attempt(module, world, lambda: module(*args, **kwargs))
    return attempt(module, world, lambda: module(*world.inputs(args), **world.inputs(dict(kwargs))))


def attempt(module: nn.Module, world: FakeWorld, call: Callable[[], Any]) -> BaseException | None:
    """The same for any call into the model: one of its methods, say."""
    with ExitStack() as stack:
        stack.enter_context(_quiet())
        stack.enter_context(borrowed(module, train=False))
        stack.enter_context(torch.no_grad())
        if not has_script(module):
            stack.enter_context(world.borrow(module))
            stack.enter_context(world)
        stack.enter_context(_LookupsChecked())
        try:
            call()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # sys.exit() in a forward is a failure of these inputs
            return error
    return None


def has_script(module: nn.Module) -> bool:
    """Whether a part of the module is TorchScript, which cannot hold fake tensors."""
    return any(isinstance(part, torch.jit.ScriptModule) for part in module.modules())


@contextmanager
def _quiet() -> Iterator[None]:
    """A guess that fails is no news: neither torch's log of it nor warnings are shown."""
    logger = logging.getLogger("torch._subclasses.fake_tensor")
    before = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before


def is_undecided(error: BaseException) -> bool:
    """Whether the run ended on a question that only real numbers answer."""
    link: BaseException | None = error
    while link is not None:
        if type(link).__name__ in _UNDECIDED:
            return True
        link = link.__cause__ or link.__context__
    return False


class _LookupsChecked(TorchFunctionMode):
    """Raises where an embedding is asked for an id that it does not have."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.embedding:
            ids = args[0] if args else kwargs["input"]
            table = args[1] if len(args) > 1 else kwargs["weight"]
            if type(ids) is torch.Tensor and ids.numel():
                largest = int(ids.max())
                if largest >= table.shape[0]:
                    raise IdOutOfRangeError(largest, table.shape[0])
        return func(*args, **kwargs)
