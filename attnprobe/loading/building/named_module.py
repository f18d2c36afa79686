"""Importing a module by its dotted name."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from attnprobe.errors import TargetError
from attnprobe.loading.building.user_code import users_code
from attnprobe.registry import nearest


def import_named(name: str, near: Iterable[Path] = ()) -> ModuleType:
    """The module of that name, from the search path as it is.

    Args:
        name: Dotted.
        near: Folders whose files may be meant where the name is not found.

    Raises:
        TargetError: There is none.
        ModelError: Its code raised.
    """
    with users_code(f"importing {name}"):
        if _is_missing(name):
            raise TargetError(
                f"no module is named '{name}'{nearest(name, _files_in(near))}",
                hint="Install its package, or run attnprobe in the folder that holds it.",
            )
        return importlib.import_module(name)


def _files_in(folders: Iterable[Path]) -> tuple[str, ...]:
    return tuple(file.stem for folder in folders if folder.is_dir() for file in sorted(folder.glob("*.py")))


def _is_missing(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is None
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            return True
        raise
