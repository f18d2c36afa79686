"""Traces of real modules, for probes that read many ops."""

from __future__ import annotations

from typing import Any

from torch import nn

from attnprobe.records import LoadedModel, ScanOptions, Subject, Trace
from attnprobe.tracing.tracing import trace


def loaded(module: nn.Module, *args: Any, **kwargs: Any) -> LoadedModel:
    """A model and the inputs to call it with."""
    return LoadedModel(
        module=module, args=args, kwargs=kwargs, target="model.py", entry="model.py", inputs=()
    )


def capture(
    module: nn.Module, *args: Any, backward: bool = False, train: bool = False, **kwargs: Any
) -> Trace:
    """One real step of a module."""
    return trace(loaded(module, *args, **kwargs), train=train, backward=backward)


def measurable(
    module: nn.Module, *args: Any, backward: bool = True, repeats: int = 3, **kwargs: Any
) -> Subject:
    """A subject with its model on the CPU."""
    options = ScanOptions(target="model.py", repeats=repeats, warmup=1)
    step = capture(module, *args, backward=backward, **kwargs)
    return Subject(trace=step, options=options, model=loaded(module, *args, **kwargs))
