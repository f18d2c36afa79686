"""One new thing is one new file: what a folder and the entry points of other packages hold.

Every module of a discovered folder (sub-packages are helpers and are not scanned) defines one object
under an agreed name: `probe`, `loader`, `pattern`, `report`, `command`. Its name is that of the file.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from attnprobe.errors import PluginError, UsageError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plugin(Generic[T]):
    """One discovered object and where it came from."""

    name: str
    value: T
    origin: str


def module_names(package: str) -> tuple[str, ...]:
    """Names of the modules of a folder, without importing them."""
    path = importlib.import_module(package).__path__
    return tuple(sorted(info.name for info in pkgutil.iter_modules(path) if not info.ispkg))


def discover(package: str, attribute: str, *, group: str = "", suffix: str = "") -> Mapping[str, Plugin[T]]:
    """Import every module of `package` and take `attribute` from each; then the entry points of `group`.

    Args:
        package: Dotted name of the folder, e.g. "attnprobe.probes".
        attribute: The name that every module must define, e.g. "probe".
        group: Entry-point group of other packages, e.g. "attnprobe.probes".
        suffix: Cut from the file's name ("html_report" is registered as "html" with suffix "_report").

    Raises:
        PluginError: A module does not import or lacks the attribute, or two things have one name.
    """
    found: dict[str, Plugin[T]] = {}
    sources: tuple[tuple[str, T, str], ...] = (
        *_from_folder(package, attribute, suffix),
        *_from_entry_points(group),
    )
    for name, value, origin in sources:
        if name in found:
            raise PluginError(f"two {attribute}s are named '{name}': {found[name].origin} and {origin}")
        found[name] = Plugin(name, value, origin)
    return found


def _from_folder(package: str, attribute: str, suffix: str) -> Iterator[tuple[str, T, str]]:
    for name in module_names(package):
        dotted = f"{package}.{name}"
        try:
            value: T = getattr(importlib.import_module(dotted), attribute)
        except Exception as error:
            raise PluginError(f"{dotted} is not a usable {attribute}: {error}") from error
        yield name.removesuffix(suffix), value, dotted


def _from_entry_points(group: str) -> Iterator[tuple[str, T, str]]:
    for entry in entry_points(group=group) if group else ():
        origin = f"{entry.value} of {entry.dist.name if entry.dist else 'an unknown package'}"
        try:
            value = entry.load()
        except Exception as error:
            raise PluginError(f"the plug-in '{entry.name}' ({origin}) does not import: {error}") from error
        yield entry.name, value, origin


def nearest(name: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    """`; did you mean 'X'?`, or nothing when no known name is near."""
    matches = get_close_matches(name, list(known), n=1)
    return f"; did you mean '{matches[0]}'?" if matches else ""


def pick(name: str, known: Mapping[str, Plugin[T]], kind: str) -> T:
    """The object registered under a name.

    Raises:
        UsageError: Nothing of that name; offers the nearest.
    """
    if name not in known:
        raise UsageError(
            f"no {kind} is named '{name}'{nearest(name, known)}",
            hint=f"Known: {', '.join(sorted(known))}.",
        )
    return known[name].value
