"""Which files are the user's own: neither Python's, nor an installed package's, nor ours."""

from __future__ import annotations

import os
import re
import sysconfig
from functools import lru_cache
from pathlib import Path
from types import TracebackType

_OURS = str(Path(__file__).resolve().parent.parent)
_INSTALLED = tuple(
    os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")
)
_DUMPED_FRAME = re.compile(r'^  File "(.+)", line (\d+) in ', re.MULTILINE)


@lru_cache(maxsize=1024)
def is_user_file(path: str) -> bool:
    """Whether a frame of this file is code of the user's."""
    if path.startswith("<"):
        return False
    real = os.path.realpath(path)
    return not any(real.startswith(folder + os.sep) for folder in (_OURS, *_INSTALLED))


def location(path: str, line: int) -> str:
    """`file:line`, relative to the working directory where the file lies below it, else its bare name."""
    try:
        relative = os.path.relpath(os.path.realpath(path))
    except (OSError, ValueError):
        return f"{os.path.basename(path)}:{line}"
    return f"{os.path.basename(path) if relative.startswith(os.pardir) else relative}:{line}"


def location_in_traceback(trace: TracebackType | None) -> str:
    """The innermost line of the user's through which an exception passed, or ""."""
    found = ""
    while trace is not None:
        path = trace.tb_frame.f_code.co_filename
        if is_user_file(path):
            found = location(path, trace.tb_lineno)
        trace = trace.tb_next
    return found


def location_in_dump(text: str) -> str:
    """The innermost line of the user's in what `faulthandler` wrote (innermost first), or ""."""
    for path, line in _DUMPED_FRAME.findall(text):
        if is_user_file(path):
            return location(path, int(line))
    return ""
