"""What a Python module defines that may be, or make, a model."""

from __future__ import annotations

import inspect
from types import ModuleType

from torch import nn


def instances(module: ModuleType) -> dict[str, nn.Module]:
    """Models at module level; not those that are part of another, or (a loss) hold no weights."""
    found: dict[str, nn.Module] = {}
    for name, value in vars(module).items():
        if isinstance(value, nn.Module) and not any(value is other for other in found.values()):
            found[name] = value
    parts = {id(part) for value in found.values() for part in list(value.modules())[1:]}
    weighty = {name: value for name, value in found.items() if any(True for _ in value.parameters())}
    return {name: value for name, value in (weighty or found).items() if id(value) not in parts}


def classes_of(module: ModuleType) -> dict[str, type[nn.Module]]:
    """The `nn.Module` classes that the module itself defines."""
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and issubclass(value, nn.Module)
        and value.__module__ == module.__name__
        and not inspect.isabstract(value)
    }


def functions(module: ModuleType) -> tuple[str, ...]:
    """Names of the public functions that the module itself defines."""
    return tuple(
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    )


def without_parts(classes: dict[str, type[nn.Module]]) -> dict[str, type[nn.Module]]:
    """The classes that no other one of them names: blocks and layers are parts of the model."""
    used = {name: _names_in(kind) for name, kind in classes.items()}
    whole = {
        n: kind for n, kind in classes.items() if not any(n in names for o, names in used.items() if o != n)
    }
    return whole or classes


def _names_in(kind: type) -> set[str]:
    """The global names that the methods and base classes of a class mention."""
    pending = [value.__code__ for value in vars(kind).values() if inspect.isfunction(value)]
    names = {base.__name__ for base in kind.__mro__[1:]}
    while pending:
        code = pending.pop()
        names.update(code.co_names)
        pending += [constant for constant in code.co_consts if inspect.iscode(constant)]
    return names
