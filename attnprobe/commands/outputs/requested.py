"""`--output FORMAT=PATH`: what was asked for, checked before any work is done."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from attnprobe.errors import UsageError
from attnprobe.registry import nearest


@dataclass(frozen=True, slots=True)
class Output:
    """One file to write."""

    format: str
    path: Path | None  # None: stdout


def parse_outputs(values: Iterable[str], formats: Collection[str]) -> tuple[Output, ...]:
    """The outputs of "html=report.html", "json=-".

    Raises:
        UsageError: No such format, or not of this form.
    """
    return tuple(_parse(value, tuple(formats)) for value in values)


def check_outputs(outputs: Iterable[Output], sources: Iterable[str] = ()) -> None:
    """Make sure that every output can be written.

    Args:
        outputs: What will be written.
        sources: Files that are read; none is overwritten.

    Raises:
        UsageError: Names the first output that cannot be written, and why.
    """
    taken = {_identity(Path(source)): "is read by this command" for source in sources}
    for output in outputs:
        place = "-" if output.path is None else _identity(output.path)
        if place in taken:
            raise UsageError(
                f"the output {_shown(output)} {taken[place]}", hint="Give every output its own name."
            )
        taken[place] = "is named twice"
        if output.path is not None:
            _check_file(output.path)
            _check_folder(output.path.parent)


def _parse(value: str, formats: tuple[str, ...]) -> Output:
    name, equals, place = value.partition("=")
    if not equals or not place:
        raise UsageError(
            f"'{value}' is not an output", hint="Write FORMAT=PATH, as in html=report.html or json=-."
        )
    if name not in formats:
        raise UsageError(
            f"no report format is named '{name}'{nearest(name, formats)}",
            hint=f"Known: {', '.join(sorted(formats))}.",
        )
    if "\0" in place:
        raise UsageError(f"'{value}' holds a null byte, which no file name can")
    return Output(name, None if place == "-" else Path(place))


def _check_file(path: Path) -> None:
    try:
        if path.is_symlink():
            raise UsageError(f"{path} is a symbolic link", hint="Name the file itself.")
        if path.is_dir():
            raise UsageError(f"{path} is a folder", hint=f"Name a file in it, as in {path}/report.html.")
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is not a regular file", hint="Write to '-' for stdout.")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise UsageError(f"the folder {folder} does not exist", hint="Create it first.")
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".attnprobe-"):
            pass
    except OSError as error:
        raise UsageError(
            f"nothing can be written in the folder {folder}: {error.strerror}",
            hint="Name another place: --output html=PATH --output json=PATH.",
        ) from error


def _identity(path: Path) -> str:
    return os.path.normcase(os.path.realpath(path))


def _shown(output: Output) -> str:
    return "-" if output.path is None else str(output.path)
