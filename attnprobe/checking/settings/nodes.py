"""A value of the configuration together with where it stands, so that every fault names its line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any, Protocol

from attnprobe.checking.settings.positions import Path, key_lines
from attnprobe.errors import SettingsError
from attnprobe.registry import nearest

_KINDS = (
    (bool, "true or false"),
    (int | float, "a number"),
    (str, "a text"),
    (list | tuple, "a list"),
    (Mapping, "a table"),
    (datetime, "a date with a time"),
    (date, "a date"),
)


class Place(Protocol):
    """Where the values of one source stand."""

    def origin(self, path: Path) -> str:
        """ "pyproject.toml:31", "--fail-on", "ATTNPROBE_FAIL_ON"."""


@dataclass(frozen=True, slots=True)
class NamedPlace:
    """One option or variable: all of its parts stand in the same place."""

    name: str

    def origin(self, path: Path) -> str:
        """The name."""
        return self.name


class FilePlace:
    """The lines of a file, found when the first is asked for."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self._text = name, text

    def origin(self, path: Path) -> str:
        """The file and the line of the key, or of the nearest table around it."""
        while path and path not in self._lines:
            path = path[:-1]
        return f"{self.name}:{self._lines[path]}" if path else self.name

    @cached_property
    def _lines(self) -> Mapping[Path, int]:
        return key_lines(self._text)


@dataclass(frozen=True, slots=True)
class Node:
    """One value."""

    value: Any
    key: str  # as a person names it: "budgets.delta.flops"
    place: Place
    path: Path = field(default=())

    @property
    def origin(self) -> str:
        """Where it stands."""
        return self.place.origin(self.path)

    def child(self, step: str | int, *, key: str | None = None) -> Node:
        """A part of it."""
        named = f"{self.key}[{step}]" if isinstance(step, int) else f"{self.key}.{step}".lstrip(".")
        return Node(self.value[step], named if key is None else key, self.place, (*self.path, step))

    def items(self) -> Iterator[tuple[str, Node]]:
        """The entries of a table.

        Raises:
            SettingsError: It is no table.
        """
        if not isinstance(self.value, Mapping):
            raise self.fault("a table")
        for step in self.value:
            yield str(step), self.child(step)

    def elements(self) -> Iterator[Node]:
        """The elements of a list.

        Raises:
            SettingsError: It is no list.
        """
        if not isinstance(self.value, list | tuple):
            raise self.fault("a list")
        for number in range(len(self.value)):
            yield self.child(number)

    def only(self, known: Iterable[str]) -> None:
        """Make sure that a table has no other keys.

        Raises:
            SettingsError: Names the first unknown one and the nearest known.
        """
        names = tuple(known)
        for step, node in self.items():
            if step not in names:
                raise node.unknown(step, names)

    def unknown(self, name: str, known: tuple[str, ...], what: str = "key") -> SettingsError:
        """The error of a name that nobody knows."""
        inside = f" of {self.key.rpartition('.')[0]}" if "." in self.key else ""
        return SettingsError(
            f"unknown {what} '{name}'{inside}{nearest(name, known)}",
            hint=f"Known: {', '.join(sorted(known))}." if len(known) <= 60 else "",
            location=self.origin,
        )

    def fault(self, expected: str, found: str = "") -> SettingsError:
        """The error of a value that is not as expected."""
        shown = found or (f"{kind_of(self.value)} ({_shortened(self.value)})")
        return SettingsError(f"{self.key}: expected {expected}, found {shown}", location=self.origin)


def kind_of(value: object) -> str:
    """What a person calls a value of that type."""
    return next((name for kind, name in _KINDS if isinstance(value, kind)), type(value).__name__)


def _shortened(value: object) -> str:
    shown = value.isoformat() if isinstance(value, date) else repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}…"
