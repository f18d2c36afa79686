"""What a callable needs, read from its signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

_POSITIONAL, _KEYWORDS = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD


def parameters_of(function: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    """Its parameters without *args and **kwargs; none where the signature cannot be read."""
    return tuple(p for p in _all(function) if p.kind not in (_POSITIONAL, _KEYWORDS))


def required_of(function: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    """The parameters without a default."""
    return tuple(p for p in parameters_of(function) if p.default is inspect.Parameter.empty)


def takes_any_position(function: Callable[..., Any]) -> bool:
    """Whether it has *args, or a signature that cannot be read."""
    found = _all(function)
    return not found or any(p.kind is _POSITIONAL for p in found)


def takes_any_keyword(function: Callable[..., Any]) -> bool:
    """Whether it has **kwargs, or a signature that cannot be read."""
    found = _all(function)
    return not found or any(p.kind is _KEYWORDS for p in found)


def _all(function: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    try:
        return tuple(inspect.signature(function, eval_str=True).parameters.values())
    except Exception:  # annotations are the user's expressions: evaluating them may raise anything
        try:
            return tuple(inspect.signature(function).parameters.values())
        except (TypeError, ValueError):
            return ()
