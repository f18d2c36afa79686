"""Which loader a target belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from attnprobe.errors import TargetError
from attnprobe.loading.building.data_source import data_of
from attnprobe.loading.building.recipe import Loader, Recipe
from attnprobe.loading.building.user_code import shown
from attnprobe.records import ScanOptions
from attnprobe.registry import Plugin, discover

_PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl")


def loader_of(target: str) -> Loader:
    """The loader that takes this target.

    Raises:
        TargetError: None does; says what the target is and what would be taken.
    """
    loaders: Mapping[str, Plugin[Loader]] = discover("attnprobe.loading", "loader", group="attnprobe.loaders")
    for loader in sorted((plugin.value for plugin in loaders.values()), key=lambda known: known.is_fallback):
        if loader.matches(target):
            return loader
    forms = ", ".join(form for plugin in loaders.values() for form in plugin.value.forms)
    raise TargetError(f"{shown(target)} {_what_it_is(target)}", hint=f"A target is one of: {forms}.")


def with_data(recipe: Recipe, options: ScanOptions) -> Recipe:
    """The recipe with what --data names, if it names anything; nothing of it is read yet.

    Raises:
        UsageError: --data is malformed.
        TargetError: There is no such module, file or name in it.
    """
    return recipe if options.data is None else replace(recipe, data=data_of(options.data, options.target))


def _what_it_is(target: str) -> str:
    try:
        path = Path(target)
        if path.suffix in _PICKLES:
            return "is a pickle, which is not opened; give the code (model.py) and --weights FILE.safetensors"
        if (path / "config.json").is_file():
            return f"is a folder of a transformers model; write hf:{shown(target)}"
        if path.is_dir():
            return "is a folder; give the Python file in it that builds the model"
        if path.exists():
            return "is not a kind of file that holds a model"
    except (OSError, ValueError):
        return "is not a path that can be opened"
    return "is neither a file nor a kind of target"
