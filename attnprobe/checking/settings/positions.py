"""On which line each key of a TOML text stands.

`tomllib` gives values without positions, and the libraries that keep the layout of a file do not tell lines
either. The text was parsed before, so this reader only has to find its way through correct TOML.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress

Path = tuple[str | int, ...]  # ("tool", "attnprobe", "ignore", 0, "rule")

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'',
    re.DOTALL,
)
_SCALAR = re.compile(r"[^\s,\]}#]+(?: [0-9][^\s,\]}#]*)?")  # a date and its time may be parted by a space


def key_lines(text: str) -> Mapping[Path, int]:
    """Every key, array element and table of the text and its line, counted from 1.

    Args:
        text: What `tomllib` has accepted. Of other text as much is found as can be read.
    """
    reader = _Reader(text.replace("\r\n", "\n"))
    with suppress(IndexError, RecursionError):
        reader.read()
    return reader.lines


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.counts: dict[Path, int] = {}  # tables of an array so far
        self._line, self._counted = 1, 0

    def read(self) -> None:
        table: Path = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)

    def _header(self) -> Path:
        is_array = self.text.startswith("[[", self.at)
        start, self.at = self.at, self.at + 1 + is_array
        steps = self._keys()
        self.at += 1 + is_array
        path = self._resolved(steps[:-1])
        if is_array:
            outer = (*path, steps[-1])
            self._note(outer, start)
            self.counts[outer] = self.counts.get(outer, -1) + 1
            path = (*outer, self.counts[outer])
        else:
            path = self._resolved(steps)
        self._note(path, start)
        return path

    def _resolved(self, steps: list[str]) -> Path:
        path: Path = ()
        for step in steps:
            path = (*path, step)
            if path in self.counts:
                path = (*path, self.counts[path])
        return path

    def _pair(self, table: Path) -> None:
        start = self.at
        path = table
        for step in self._keys():
            path = (*path, step)
            self._note(path, start)
        self.at += 1  # "="
        self._value(path)

    def _keys(self) -> list[str]:
        steps = []
        while True:
            self._skip(_SPACE)
            steps.append(self._key())
            self._skip(_SPACE)
            if self.text[self.at] != ".":
                return steps
            self.at += 1

    def _key(self) -> str:
        found = _BARE.match(self.text, self.at) or _STRING.match(self.text, self.at)
        if found is None:
            raise IndexError
        self.at = found.end()
        written = found.group()
        if written[0] not in "\"'":
            return written
        if written[0] == "'" or "\\" not in written:
            return written[1:-1]
        import tomllib

        return str(tomllib.loads(f"key = {written}")["key"])

    def _value(self, path: Path) -> None:
        self._skip(_SPACE)
        opened = self.text[self.at]
        if opened == "[":
            self._array(path)
        elif opened == "{":
            self._inline_table(path)
        else:
            found = _STRING.match(self.text, self.at) or _SCALAR.match(self.text, self.at)
            if found is None:
                raise IndexError
            self.at = found.end()

    def _array(self, path: Path) -> None:
        self.at += 1
        number = 0
        while True:
            self._skip(_BLANK)
            if self.text[self.at] == "]":
                self.at += 1
                return
            self._note((*path, number), self.at)
            self._value((*path, number))
            number += 1
            self._skip(_BLANK)
            self.at += self.text[self.at] == ","

    def _inline_table(self, path: Path) -> None:
        self.at += 1
        while True:
            self._skip(_BLANK)
            if self.text[self.at] == "}":
                self.at += 1
                return
            self._pair(path)
            self._skip(_BLANK)
            self.at += self.text[self.at] == ","

    def _skip(self, what: re.Pattern[str]) -> None:
        found = what.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def _note(self, path: Path, offset: int) -> None:
        self._line += self.text.count("\n", self._counted, offset)
        self._counted = offset
        self.lines.setdefault(path, self._line)
