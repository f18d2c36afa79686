"""Finding the model in what a Python file or module defines.

Order: the entry that the target names; `build_model()`; an `nn.Module` at module level; the one `nn.Module`
class that builds without arguments.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from torch import nn

from attnprobe.errors import ModelArgumentsError, TargetError
from attnprobe.isolation.user_code import location
from attnprobe.loading.building.arguments import required_of
from attnprobe.loading.building.candidates import classes_of, functions, instances, without_parts
from attnprobe.loading.building.user_code import shown, users_code
from attnprobe.registry import nearest


@dataclass(frozen=True, slots=True)
class Entry:
    """The model, or what makes it."""

    label: str  # "GPT()", "build_model()", "model"
    instance: nn.Module | None
    factory: Callable[[], Any] | None
    found_as: str = ""  # how it was found when the target does not name it


def find_entry(module: ModuleType, name: str, target: str) -> Entry:
    """The entry of a module.

    Args:
        module: The imported file.
        name: What stands behind the colon of the target; "" when nothing does.
        target: The file or module as the user wrote it, without the entry.

    Raises:
        TargetError: There is none, several fit, or it is not a model and makes none.
    """
    if name:
        return _entry_of(_attribute(module, name, target), name, target)
    if callable(getattr(module, "build_model", None)):
        return replace(
            _entry_of(module.build_model, "build_model", target), found_as="build_model() of the file"
        )
    models = instances(module)
    if models:
        chosen = _only(models, target, "nn.Module objects at module level")
        return Entry(chosen, models[chosen], None, "the nn.Module object at module level")
    return _class_entry(classes_of(module), target)


def _attribute(module: ModuleType, name: str, target: str) -> Any:
    value: Any = module
    for part in name.split("."):
        if not hasattr(value, part):
            names = (*classes_of(module), *instances(module), *functions(module))
            raise TargetError(
                f"{shown(target)} has no '{shown(name)}'{nearest(name, names)}",
                hint=f"It has: {', '.join(names[:10]) or 'no class, function or model'}.",
            )
        value = getattr(value, part)
    return value


def _entry_of(value: Any, name: str, target: str) -> Entry:
    if isinstance(value, nn.Module):
        return Entry(name, value, None)
    if not callable(value):
        raise TargetError(
            f"{shown(target)}:{shown(name)} is of type {type(value).__name__}; "
            "expected an nn.Module, a class or a function",
            hint=f"Write a factory: def {name}(): return YourModel(…)" if name.isidentifier() else "",
        )
    needed = required_of(value)
    if needed:
        raise _arguments_missing(value, name, needed, target)
    return Entry(f"{name}()", None, value)


def _arguments_missing(
    value: Callable[..., Any], name: str, needed: tuple[inspect.Parameter, ...], target: str
) -> ModelArgumentsError:
    names = ", ".join(parameter.name for parameter in needed)
    call = ", ".join(_example_of(parameter) for parameter in needed)
    count = f"{len(needed)} argument{'s' if len(needed) > 1 else ''}"
    return ModelArgumentsError(
        f"{name}{'.__init__' if inspect.isclass(value) else ''} needs {count}: {names}",
        hint=f"attnprobe cannot guess that. Give it a factory, `def build(): return {name}({call})`, "
        f"and scan {shown(target)}:build.",
        location=_place(value.__init__ if inspect.isclass(value) else value),
    )


def _example_of(parameter: inspect.Parameter) -> str:
    """`GPTConfig()` where the annotation is a class that builds without arguments, else `name=…`."""
    kind = parameter.annotation
    own = inspect.isclass(kind) and kind.__module__ not in ("builtins", "inspect")
    return f"{kind.__name__}()" if own and not required_of(kind) else f"{parameter.name}=…"


def _place(value: Any) -> str:
    code = getattr(inspect.unwrap(value), "__code__", None)
    return location(code.co_filename, code.co_firstlineno) if code else ""


def _class_entry(classes: dict[str, type[nn.Module]], target: str) -> Entry:
    if not classes:
        raise TargetError(
            f"{shown(target)} defines no model: no build_model(), no nn.Module object, no nn.Module class",
            hint="Add `def build_model(): return YourModel(…)`, or name the entry: FILE.py:NAME.",
        )
    ready = {name: kind for name, kind in classes.items() if not required_of(kind)}
    what = "nn.Module classes that build without arguments" if ready else "nn.Module classes"
    chosen = _only(without_parts(ready or classes), target, what)
    how = (
        "the only class that builds without arguments"
        if len(ready) == 1
        else "the class that is no part of another"
    )
    return replace(_entry_of(classes[chosen], chosen, target), found_as=how)


def _only(candidates: dict[str, Any], target: str, what: str) -> str:
    if len(candidates) == 1:
        return next(iter(candidates))
    names = ", ".join(list(candidates)[:12])
    last = list(candidates)[-1]
    raise TargetError(
        f"{shown(target)} has {len(candidates)} {what}: {names}",
        hint=f"Say which one, e.g. {shown(target)}:{last}",
    )


def build_from(entry: Entry, target: str) -> nn.Module:
    """Call the factory.

    Raises:
        ModelError: It raised.
        TargetError: It returned something other than a model.
    """
    assert entry.factory is not None
    with users_code(f"building {entry.label}"):
        built = entry.factory()
    if isinstance(built, nn.Module):
        return built
    raise TargetError(
        f"{shown(target)}:{entry.label} returned {type(built).__name__}; expected an nn.Module",
        hint="Return the model itself from the factory.",
    )
