"""One configuration file as it was written: its values and the lines they stand on."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

from attnprobe.checking.settings.nodes import FilePlace, Node
from attnprobe.errors import SettingsError

MAX_BYTES = 2**20
_MAX_DOTS = 64

_QUOTED = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'')
_DOTTED = re.compile(rf"(?<![\w.-])(?:[\w-]++[ \t]*+\.[ \t]*+){{{_MAX_DOTS}}}")
_DAY = re.compile(r"=\s*(\d{4}-\d\d-\d\d)\b")
_AT_LINE = re.compile(r"\s*\(at line (\d+), column \d+\)$")


def read_text(path: Path, name: str) -> str:
    """The text of a file.

    Raises:
        SettingsError: It cannot be read, is too large, or is not UTF-8.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SettingsError(f"{name} is larger than {MAX_BYTES // 2**20} MiB: no configuration is")
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SettingsError(f"{name} is not UTF-8 text, which TOML is") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(f"{name} cannot be read: {reason}") from None


def parsed(text: str, name: str) -> dict[str, Any]:
    """The values of a TOML text.

    Raises:
        SettingsError: Not TOML, or nested too deeply; with the line.
    """
    _refuse_long_keys(text, name)
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise SettingsError(f"{name} is nested too deeply") from None
    except (tomllib.TOMLDecodeError, ValueError) as error:
        raise _fault(text, name, str(error)) from None


def whole(text: str, name: str, section: tuple[str, ...]) -> Node | None:
    """The section of a file, or None where it has none.

    Args:
        text: The file's.
        name: What the file is called in messages and origins.
        section: ("tool", "attnprobe"), or () for the whole file.

    Raises:
        SettingsError: As `parsed`.
    """
    node = Node(parsed(text, name), "", FilePlace(name, text))
    for step in section:
        if not isinstance(node.value, dict) or step not in node.value:
            return None
        node = node.child(step, key="")
    return node


def _refuse_long_keys(text: str, name: str) -> None:
    """`a.a.a…` costs `tomllib` memory that grows with the square of its length."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.count(".") >= _MAX_DOTS and _DOTTED.search(_QUOTED.sub("q", line)):
            raise SettingsError(f"{name} has a key of over {_MAX_DOTS} parts", location=f"{name}:{number}")


def _fault(text: str, name: str, message: str) -> SettingsError:
    at = _AT_LINE.search(message)
    lines = text.split("\n")
    number = int(at.group(1)) if at else len(lines)
    location = f"{name}:{number}"
    day = _DAY.search(lines[number - 1]) if number <= len(lines) else None
    if day and not _is_day(day.group(1)):
        return SettingsError(f"{day.group(1)} is no date of the calendar", location=location)
    return SettingsError(f"{name} is not TOML: {_AT_LINE.sub('', message)}", location=location)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
