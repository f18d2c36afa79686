"""What `--data` names: `module:iterable`, or `file.py:iterable`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from attnprobe.errors import TargetError, UsageError
from attnprobe.loading.building.named_module import import_named
from attnprobe.loading.building.process_state import add_to_path
from attnprobe.loading.building.recipe import Data
from attnprobe.loading.building.source_file import import_file
from attnprobe.loading.building.user_code import relative, shown
from attnprobe.registry import nearest

_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_FORM = "MODULE:NAME or FILE.py:NAME"


def data_of(spec: str, target: str) -> Data:
    """Import the module or file and find the name in it. Nothing is called or read.

    Modules and files are looked for in the working directory, then beside the target's file.

    Raises:
        UsageError: It is not written MODULE:NAME or FILE.py:NAME.
        TargetError: There is no such module, file or name.
        ModelError: Its code raised.
    """
    place, _, name = spec.rpartition(":")
    is_file = place.endswith(".py")
    if not _DOTTED.fullmatch(name) or not (is_file or _DOTTED.fullmatch(place)):
        hint = f'For example --data "{shown(spec)}:loader".' if spec.endswith(".py") else ""
        raise UsageError(
            f"--data {shown(spec)}: expected {_FORM}", hint=hint or 'For example --data "train.py:loader".'
        )
    module = _from_file(place, target) if is_file else _from_name(place, target)
    return Data(_attribute(module, name, place), f"--data {shown(spec)}")


def _from_file(place: str, target: str) -> ModuleType:
    path, folder = Path(place), _folder_of(target)
    if not path.exists() and folder is not None and (folder / path).exists():
        path = folder / path
    loaded = _target_module(path, target)
    return import_file(path) if loaded is None else loaded


def _target_module(path: Path, target: str) -> ModuleType | None:
    """The target's own file, which was imported just before: it is not run twice."""
    own = _file_of(target)
    if own is None or own.resolve() != path.resolve():
        return None
    file = str(path.resolve())
    return next((m for m in list(sys.modules.values()) if getattr(m, "__file__", None) == file), None)


def _from_name(name: str, target: str) -> ModuleType:
    folder = _folder_of(target)
    folders = [Path.cwd()] if folder is None else [folder.resolve(), Path.cwd()]
    for place in folders:
        add_to_path(place)
    return import_named(name, near=folders)


def _folder_of(target: str) -> Path | None:
    file = _file_of(target)
    return None if file is None else file.parent


def _file_of(target: str) -> Path | None:
    file = target if target.endswith(".py") else target.rpartition(":")[0]
    return Path(file) if file.endswith(".py") else None


def _attribute(module: ModuleType, name: str, place: str) -> Any:
    value: Any = module
    for part in name.split("."):
        if not hasattr(value, part):
            names = tuple(_candidates(module))
            raise TargetError(
                f"--data: {relative(Path(place)) if place.endswith('.py') else place} has no "
                f"'{shown(name)}'{nearest(name, names)}",
                hint=f"It has: {', '.join(names[:10]) or 'no function and no iterable'}.",
            )
        value = getattr(value, part)
    return value


def _candidates(module: ModuleType) -> Iterator[str]:
    """Names that may hold batches: functions of the module's own, and iterables."""
    for name, value in vars(module).items():
        own = getattr(value, "__module__", None) == module.__name__ and callable(value)
        is_iterable = isinstance(value, Iterable) and not isinstance(value, (str, type))
        if not name.startswith("_") and (own or is_iterable):
            yield name
