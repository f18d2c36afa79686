"""Targets `model.py` and `model.py:ENTRY`."""

from __future__ import annotations

from pathlib import Path

from attnprobe.errors import TargetError
from attnprobe.loading.building.python_recipe import recipe_of_module
from attnprobe.loading.building.recipe import Loader, Recipe
from attnprobe.loading.building.source_file import import_file
from attnprobe.loading.building.user_code import relative, shown
from attnprobe.records import ScanOptions


def matches(target: str) -> bool:
    """Whether the part before the last colon, or all of it, names a Python file."""
    return _split(target)[0].endswith(".py")


def recipe(options: ScanOptions) -> Recipe:
    """Import the file and find its entry."""
    file, entry = _split(options.target)
    if "\0" in file:
        raise TargetError(f"{shown(file)} is not a path: it holds a null byte")
    path = Path(file)
    return recipe_of_module(import_file(path), entry, relative(path))


def _split(target: str) -> tuple[str, str]:
    if target.endswith(".py"):
        return target, ""
    file, _, entry = target.rpartition(":")
    return file, entry


loader = Loader(forms=("model.py", "model.py:ENTRY"), matches=matches, recipe=recipe)
