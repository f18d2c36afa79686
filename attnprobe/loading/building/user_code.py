"""Running code of the user's: whatever it raises becomes one line that names their own line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attnprobe.errors import AttnprobeError, ModelError
from attnprobe.isolation.user_code import location, location_in_traceback

_MAX_TEXT = 300


def shown(text: object, limit: int = 200) -> str:
    """A name or message from outside as one short printable line."""
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text)[: limit + 1])
    return line if len(line) <= limit else line[: limit - 1] + "…"


@contextmanager
def users_code(doing: str, *, hint: str = "") -> Iterator[None]:
    """Run the body, which calls code of the user's.

    Args:
        doing: What is being done, "importing model.py".
        hint: The next step when the error itself suggests none.

    Raises:
        ModelError: The body raised anything but an error of ours or a KeyboardInterrupt.
    """
    try:
        yield
    except (AttnprobeError, KeyboardInterrupt):
        raise
    except SystemExit as error:
        raise ModelError(
            f"{doing} called sys.exit({text_of(error)})",
            hint='Put what belongs to a script under `if __name__ == "__main__":`.',
            location=place_of(error),
        ) from error
    except BaseException as error:
        raise ModelError(
            f"{doing} raised {described(error)}", hint=_hint_for(error) or hint, location=place_of(error)
        ) from error


def described(error: BaseException) -> str:
    """`TypeError: what it says`, on one line."""
    text = text_of(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def text_of(error: BaseException) -> str:
    """The first line that an exception prints; survives one that cannot be printed."""
    try:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
    except BaseException:
        return "(its message cannot be printed)"
    lines = [line.strip() for line in text[:10_000].split("\n") if line.strip()]
    return shown(lines[0], _MAX_TEXT) if lines else ""


def place_of(error: BaseException) -> str:
    """`file:line` of the user's innermost line, or of the syntax error."""
    if isinstance(error, SyntaxError) and error.filename and os.path.exists(error.filename):
        return location(error.filename, error.lineno or 1)
    return location_in_traceback(error.__traceback__)


def relative(path: Path) -> str:
    """A path as it is shown: below the working directory, or the bare name."""
    return location(str(path), 0).removesuffix(":0")


def _hint_for(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        return f"Install the missing package (pip install {package}), or run attnprobe where it is installed."
    if isinstance(error, MemoryError):
        return "Use --static: it needs no memory for weights."
    if isinstance(error, RecursionError):
        return "The code calls itself without end; the traceback is shown with --debug."
    return ""
