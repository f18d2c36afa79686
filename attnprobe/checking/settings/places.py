"""Which configuration file is in force: the nearest upwards, up to the root of the repository."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from attnprobe.checking.settings.nodes import Node
from attnprobe.checking.settings.toml_file import read_text, whole
from attnprobe.errors import SettingsError

OWN_FILE = "attnprobe.toml"
PROJECT_FILE = "pyproject.toml"
_SECTION = ("tool", "attnprobe")


@dataclass(frozen=True, slots=True)
class Found:
    """The configuration in force, and where it lies."""

    node: Node
    folder: Path
    name: str  # relative to where the search began
    notices: tuple[str, ...] = ()


def found_from(start: Path) -> Found | None:
    """The nearest `attnprobe.toml`, or `pyproject.toml` with our section, from a folder upwards.

    A pyproject.toml without our section is passed over, as that of a part of a larger repository may be.

    Raises:
        SettingsError: It cannot be read or is no TOML.
    """
    for folder in _upwards(start):
        own = _file(folder / OWN_FILE, start, section=())
        project = _file(folder / PROJECT_FILE, start, section=_SECTION)
        if own and project:
            notice = f"{own.name} was read, not [tool.attnprobe] of the pyproject.toml beside it"
            return Found(own.node, own.folder, own.name, (notice,))
        if own or project:
            return own or project
    return None


def named_file(path: Path, start: Path) -> Found:
    """The configuration that somebody named.

    Raises:
        SettingsError: There is none, or it cannot be read.
    """
    name = _shown(path, start)
    if not path.is_file():
        raise SettingsError(f"{name} is not a file", hint="Name a pyproject.toml or an attnprobe.toml.")
    section = _SECTION if path.name == PROJECT_FILE else ()
    node = whole(read_text(path, name), name, section)
    if node is None:
        raise SettingsError(f"{name} has no section [tool.attnprobe]", hint="`attnprobe init` writes one.")
    return Found(node, path.resolve().parent, name)


def rebased(value: str, folder: Path, start: Path) -> str:
    """A path of the file, "model.py:build" too, as seen from where the search began.

    What names no file beside the configuration (a module, "hf:llama") stays as it is.
    """
    part, colon, entry = value.partition(":")
    for name, rest in ((value, ""), (part, f"{colon}{entry}")):
        if not os.path.isabs(name) and (folder / name).exists():
            return f"{_relative(folder / name, start)}{rest}"
    return value


def _file(path: Path, start: Path, *, section: tuple[str, ...]) -> Found | None:
    try:
        if not path.is_file():
            return None
    except OSError:
        return None
    name = _relative(path, start)
    text = read_text(path, name)
    if section and section[-1] not in text:  # spares the parsing of most, and the faults of others' files
        return None
    node = whole(text, name, section)
    return None if node is None else Found(node, path.resolve().parent, name)


def _upwards(start: Path) -> Iterator[Path]:
    folder = start.resolve()
    for each in (folder, *folder.parents):
        yield each
        if (each / ".git").exists():
            return


def _shown(path: Path, start: Path) -> str:
    """What a file is called in reports. Of one that lies elsewhere, not the folders that lead there."""
    name = _relative(path, start)
    steps = Path(name).parts
    return path.name if (".." in steps and set(steps[:-1]) != {".."}) or os.path.isabs(name) else name


def _relative(path: Path, start: Path) -> str:
    try:
        return Path(os.path.relpath(path.resolve(), start.resolve())).as_posix()
    except ValueError:  # another drive
        return path.name
