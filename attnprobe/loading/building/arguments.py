"""What a callable needs, read from its signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def parameters_of(function: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    """Its parameters without *args and **kwargs; none where the signature cannot be read."""
    return tuple(parameter for parameter in _all(function) if parameter.kind not in _VARIADIC)


def required_of(function: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    """The parameters without a default."""
    return tuple(p for p in parameters_of(function) if p.default is inspect.Parameter.empty)


def _all(function: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    try:
        return tuple(inspect.signature(function, eval_str=True).parameters.values())
    except Exception:  # annotations are the user's expressions: evaluating them may raise anything
        try:
            return tuple(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):
            return ()
