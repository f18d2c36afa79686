"""Which line of the user's code is running."""

from __future__ import annotations

import linecache
import os
import sys
from itertools import islice
from types import CodeType

import torch

from attnprobe.records import Location

_OURS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep
_TORCH = os.path.dirname(os.path.abspath(torch.__file__)) + os.sep
_HIDDEN = ("contextlib.py", "functools.py")
_HELPERS = tuple(f"{os.sep}{name}{os.sep}" for name in ("einops", "opt_einsum"))  # they move the user's dims


class Lines:
    """Finds the innermost frame that is neither torch's nor ours; named the same way on every machine."""

    def __init__(self) -> None:
        self._kind: dict[CodeType, int] = {}  # 0 user, 1 torch or a helper, 2 ours
        self._known: dict[tuple[CodeType, int], Location] = {}  # by the instruction that runs

    def here(self) -> Location | None:
        """The user's line that is running; None when torch was called straight from attnprobe."""
        frame = sys._getframe(2)
        while frame is not None:
            code = frame.f_code
            kind = self._kind.get(code)
            if kind is None:
                kind = self._kind[code] = _kind_of(code.co_filename)
            if kind == 0:
                key = (code, frame.f_lasti)
                found = self._known.get(key)
                if found is None:
                    found = self._known[key] = _location(code, frame.f_lasti, frame.f_lineno)
                return found
            if kind == 2 and code.co_filename.endswith("running.py"):
                return None
            frame = frame.f_back  # type: ignore[assignment]
        return None


def _location(code: CodeType, instruction: int, line: int) -> Location:
    """The expression of an instruction; without columns where the code was compiled without them."""
    # a code unit has two bytes
    positions = next(islice(code.co_positions(), instruction // 2, None), (None, None, None, None))
    start, end_line, column, end_column = positions
    path = short_path(code.co_filename)
    if start != line or end_line is None or column is None or end_column is None:
        return Location(path, line, code.co_name)
    first, last = (
        _characters(code.co_filename, number, offset)
        for number, offset in ((line, column), (end_line, end_column))
    )
    return Location(path, line, code.co_name, end_line, first + 1, last + 1)


def _characters(filename: str, line: int, offset: int) -> int:
    """How many characters of a line its first `offset` bytes in UTF-8 are."""
    text = linecache.getline(filename, line)
    return offset if text.isascii() else len(text.encode()[:offset].decode(errors="ignore"))


def _kind_of(filename: str) -> int:
    if filename.startswith(_OURS):
        return 2
    if filename.startswith(_TORCH) or filename.startswith("<frozen") or filename.endswith(_HIDDEN):
        return 1
    if any(name in filename for name in _HELPERS):
        return 1
    return 0


def short_path(filename: str) -> str:
    """A path without the machine in it: below site-packages or the working directory, else its name."""
    for root in sys.path:
        if root.endswith("site-packages") and filename.startswith(root + os.sep):
            return filename[len(root) + 1 :]
    try:
        relative = os.path.relpath(filename)
    except ValueError:
        return os.path.basename(filename)
    return os.path.basename(filename) if relative.startswith("..") else relative
