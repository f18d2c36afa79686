"""Another version of the user's files, in another folder: found there, and not where this one is installed.

A project that is installed in editable mode, or named in PYTHONPATH, is found in its own folder from
everywhere. Then a scan of the version that lies elsewhere would look at this one and call it the other.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from types import ModuleType

_OURS = "attnprobe"  # and the private names under which files are imported


def look_in(here: str, there: str) -> None:
    """Turn every entry of the search path below `here` to the same folder below `there`, where it exists."""
    sys.path[:] = [_moved(entry, here, there) for entry in sys.path]


def left_behind(modules: Mapping[str, ModuleType], here: str, there: str) -> tuple[str, ...]:
    """Names of modules that came from below `here` all the same; installed packages are not meant."""
    others = {os.path.realpath(folder) + os.sep for folder in (sys.prefix, sys.base_prefix, there)}
    return tuple(
        sorted(
            name
            for name, module in list(modules.items())
            if not name.startswith(_OURS) and _is_below(_file_of(module), here, others)
        )
    )


def _moved(entry: str, here: str, there: str) -> str:
    real = os.path.realpath(entry)
    if real != here and not real.startswith(here + os.sep):
        return entry
    moved = os.path.normpath(os.path.join(there, os.path.relpath(real, here)))
    return moved if os.path.isdir(moved) else entry


def _file_of(module: ModuleType) -> str:
    file = getattr(module, "__file__", None)
    return os.path.realpath(file) if isinstance(file, str) else ""


def _is_below(file: str, here: str, others: Iterable[str]) -> bool:
    return file.startswith(here + os.sep) and not file.startswith(tuple(others))
