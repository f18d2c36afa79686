"""Writing outputs: each appears whole, and none appears unless all can be."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from attnprobe.commands.outputs.requested import Output, check_outputs
from attnprobe.errors import UsageError

_DEFAULT_MODE = 0o666


def write_outputs(contents: Mapping[Output, bytes]) -> None:
    """Write every file under a temporary name beside its place, then move all into place; stdout comes last.

    Raises:
        UsageError: Something cannot be written; nothing was replaced unless the last step, a rename, failed.
    """
    check_outputs(contents)
    waiting: dict[Path, str] = {}
    try:
        for output, content in contents.items():
            if output.path is not None:
                waiting[output.path] = _write_beside(output.path, content)
        for path, temporary in waiting.items():
            os.replace(temporary, path)
    except OSError as error:
        place = error.filename2 or error.filename or "the output"
        raise UsageError(f"{place} cannot be written: {error.strerror}") from error
    finally:
        _remove(waiting.values())
    for output, content in contents.items():
        if output.path is None:
            _write_to_stdout(content)


def _write_beside(path: Path, content: bytes) -> str:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".attnprobe-", suffix=".part")
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(descriptor, _mode(path))
    except BaseException:
        _remove([temporary])
        raise
    return temporary


def _mode(path: Path) -> int:
    """The mode of the file that is replaced, or that of a new one."""
    with suppress(OSError):
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return _DEFAULT_MODE & ~mask


def _write_to_stdout(content: bytes) -> None:
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"stdout cannot be written: {error.strerror}") from error


def _remove(names: Iterable[str]) -> None:
    for name in names:
        with suppress(FileNotFoundError):
            os.unlink(name)
