"""Where rule files lie: ours, those of other packages, and folders of the user's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from attnprobe import __version__
from attnprobe.errors import PluginError, RuleError
from attnprobe.resources import resource_dir

GROUP = "attnprobe.rules"
_MAX_FILES = 2000


@dataclass(frozen=True, slots=True)
class Pack:
    """A folder of rules."""

    name: str
    version: str  # "" for a folder of the user's
    root: Path
    shown: str  # what stands before a file's name in an error


def built_in() -> Iterator[Pack]:
    """Ours: every folder under rules/."""
    base = resource_dir("rules")
    for folder in sorted(base.iterdir()):
        if folder.is_dir() and any(folder.glob("*.yaml")):
            yield Pack(folder.name, __version__, folder, f"rules/{folder.name}")


def of_packages() -> Iterator[Pack]:
    """Those of other packages: an entry point that names a package, or the path of a folder.

    Raises:
        PluginError: It does not import, or is no folder.
    """
    for entry in entry_points(group=GROUP):
        owner = entry.dist.name if entry.dist else "an unknown package"
        root = _folder_of(entry, owner)
        yield Pack(entry.name, entry.dist.version if entry.dist else "", root, f"{owner}:{entry.name}")


def of_user(path: Path) -> Pack:
    """A folder that the configuration or the command line names.

    Raises:
        RuleError: It is no folder.
    """
    if not path.is_dir():
        raise RuleError(f"{path} is not a folder of rules", hint="Name a folder that holds *.yaml files.")
    return Pack(path.resolve().name, "", path, str(path))


def files_of(pack: Pack) -> tuple[tuple[Path, str], ...]:
    """The rule files of a pack, with the name by which each is shown, in order.

    Raises:
        RuleError: No file at all or too many, a link that leaves the pack, or a file that ends in .yml.
    """
    found = []
    root = pack.root.resolve()
    for folder, folders, names in os.walk(pack.root):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            shown = f"{pack.shown}/{path.relative_to(pack.root).as_posix()}"
            if path.suffix == ".yml":
                raise RuleError(f"{shown} ends in .yml", hint="Rule files end in .yaml: rename it.")
            if path.suffix != ".yaml":
                continue
            if not path.resolve().is_relative_to(root):
                raise RuleError(f"{shown} is a link that leaves its pack", hint="Put the file itself there.")
            found.append((path, shown))
    if not found:
        raise RuleError(f"{pack.shown} holds no rule", hint="Rule files end in .yaml.")
    if len(found) > _MAX_FILES:
        raise RuleError(f"{pack.shown} holds {len(found)} rule files; at most {_MAX_FILES} are read")
    return tuple(found)


def _folder_of(entry: EntryPoint, owner: str) -> Path:
    where = f"the rules '{entry.name}' ({entry.value} of {owner})"
    try:
        value = entry.load()
    except Exception as error:
        raise PluginError(f"{where} do not import: {error}") from error
    paths = getattr(value, "__path__", None)
    folder = Path(next(iter(paths))) if paths else Path(value) if isinstance(value, str | Path) else None
    if folder is None or not folder.is_dir():
        raise PluginError(
            f"{where} are no folder", hint="Name a package, or a Path to a folder, of YAML files."
        )
    return folder
