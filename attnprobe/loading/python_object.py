"""Targets `package.module:ATTRIBUTE`."""

from __future__ import annotations

import re
from pathlib import Path

from attnprobe.loading.building.named_module import import_named
from attnprobe.loading.building.process_state import add_to_path
from attnprobe.loading.building.python_recipe import recipe_of_module
from attnprobe.loading.building.recipe import Loader, Recipe
from attnprobe.records import ScanOptions

_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def matches(target: str) -> bool:
    """Whether it is two dotted names with a colon between them."""
    return _DOTTED.fullmatch(target) is not None


def recipe(options: ScanOptions) -> Recipe:
    """Import the module (the working directory is on the search path) and find the attribute."""
    name, _, attribute = options.target.partition(":")
    add_to_path(Path.cwd())
    return recipe_of_module(import_named(name), attribute, name)


loader = Loader(forms=("package.module:ATTRIBUTE",), matches=matches, recipe=recipe, is_fallback=True)
