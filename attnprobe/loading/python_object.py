"""Targets `package.module:ATTRIBUTE`."""

from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path

from attnprobe.errors import TargetError
from attnprobe.loading.building.process_state import add_to_path
from attnprobe.loading.building.python_recipe import recipe_of_module
from attnprobe.loading.building.recipe import Loader, Recipe
from attnprobe.loading.building.user_code import users_code
from attnprobe.records import ScanOptions

_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def matches(target: str) -> bool:
    """Whether it is two dotted names with a colon between them."""
    return _DOTTED.fullmatch(target) is not None


def recipe(options: ScanOptions) -> Recipe:
    """Import the module (the working directory is on the search path) and find the attribute."""
    name, _, attribute = options.target.partition(":")
    add_to_path(Path.cwd())
    with users_code(f"importing {name}"):
        if _is_missing(name):
            raise TargetError(
                f"no module is named '{name}'",
                hint="Install its package, or run attnprobe in the folder that holds it.",
            )
        module = importlib.import_module(name)
    return recipe_of_module(module, attribute, name)


def _is_missing(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is None
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            return True
        raise


loader = Loader(forms=("package.module:ATTRIBUTE",), matches=matches, recipe=recipe, is_fallback=True)
