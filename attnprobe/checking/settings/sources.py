"""The three sources of a setting, each as nodes by key: a file, the environment, the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attnprobe.checking.settings.keys import DESELECT, KEYS, Key
from attnprobe.checking.settings.nodes import NamedPlace, Node
from attnprobe.checking.settings.places import Found, rebased
from attnprobe.errors import SettingsError
from attnprobe.registry import nearest

PREFIX = "ATTNPROBE_"
_FLAGS = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}
_PARTS = {
    "texts": re.compile(r",\s*(?![^\[]*\])"),
    "numbers": re.compile(r"[,\s]+"),
}  # "ids:int64[2,128]" is one
_TODAY = "ATTNPROBE_TODAY"

Values = list[tuple[Key, Any, Node]]  # in the order in which they stand there


def from_file(found: Found, start: Path) -> Values:
    """The values of a configuration file.

    Raises:
        SettingsError: An unknown key, or a value that is not as its key says.
    """
    _check_version(found.node)
    found.node.only(KEYS)
    values = []
    for name, node in found.node.items():
        value = KEYS[name].read(node)
        values.append((KEYS[name], _rebased(KEYS[name], value, found.folder, start), node))
    return values


def from_environment(environ: Mapping[str, str]) -> tuple[Values, tuple[str, ...]]:
    """The values of ATTNPROBE_* variables, and a notice for each of them that is no setting.

    Raises:
        SettingsError: A value that is not as its key says.
    """
    keys = {key.variable: key for key in KEYS.values() if key.variable}
    keys["ATTNPROBE_IGNORE"] = DESELECT
    values: Values = []
    notices = []
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name == _TODAY or not environ[name]:
            continue
        if name not in keys:
            notices.append(f"{name[:60]} is no setting{nearest(name, tuple(keys))}")
            continue
        node = Node(_converted(environ[name], keys[name], name), name, NamedPlace(name))
        values.append((keys[name], keys[name].read(node), node))
    return values, tuple(notices)


def from_command_line(given: Mapping[str, Any]) -> Values:
    """The values that options gave, by the names of their parameters or of our keys.

    None and empty sequences stand for options that were not given.

    Raises:
        SettingsError: No such key, or a value that is not as its key says.
    """
    by_name = {name: key for key in KEYS.values() for name in (key.name.replace("-", "_"), key.field)}
    by_name[DESELECT.name] = DESELECT
    values: Values = []
    for name, value in given.items():
        if value is None or value == () or value == []:
            continue
        key = by_name.get(name.replace("-", "_"))
        if key is None:
            raise SettingsError(f"unknown setting '{name}'{nearest(name, tuple(by_name))}")
        node = Node(value, key.name, NamedPlace(f"--{key.option or key.name}"))
        values.append((key, key.read(node), node))
    return values


def _rebased(key: Key, value: Any, folder: Path, start: Path) -> Any:
    if not key.is_path:
        return value
    if isinstance(value, tuple):
        return tuple(rebased(each, folder, start) for each in value)
    return rebased(value, folder, start)


def _check_version(node: Node) -> None:
    """First of all, since another version may know other keys."""
    if not isinstance(node.value, Mapping) or "required-version" not in node.value:
        return
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    import attnprobe

    wanted = node.child("required-version")
    written = KEYS["required-version"].read(wanted)
    try:
        fits = SpecifierSet(written, prereleases=True).contains(attnprobe.__version__)
    except InvalidSpecifier:
        raise wanted.fault('a version as in ">=0.3"') from None
    if not fits:
        raise SettingsError(
            f"required-version is {written}; this is attnprobe {attnprobe.__version__}",
            hint=f"Install it: pip install 'attnprobe{written}'.",
            location=wanted.origin,
        )


def _converted(written: str, key: Key, name: str) -> Any:
    """The text of a variable as the type of its key."""
    if key.kind in _PARTS:
        parts = [part.strip() for part in _PARTS[key.kind].split(written) if part.strip()]
        return [_number(part, name) for part in parts] if key.kind == "numbers" else parts
    if key.kind == "flag":
        if written.lower() not in _FLAGS:
            raise SettingsError(f"expected 1 or 0, found '{written[:40]}'", location=name)
        return _FLAGS[written.lower()]
    return _number(written, name) if key.kind == "number" else written


def _number(written: str, name: str) -> int | float:
    if re.fullmatch(r"\d{1,30}", written):
        return int(written)
    if re.fullmatch(r"\d{1,30}\.\d{0,30}", written):
        return float(written)
    raise SettingsError(f"expected a number, found '{written[:40]}'", location=name)
