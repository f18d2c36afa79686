"""An error as the user sees it: one line, the next thing to try, the exit code."""

from __future__ import annotations

import re
import sys
import traceback
from pathlib import Path

import click

from attnprobe.commands.terminal.session import Session
from attnprobe.errors import AttnprobeError, InternalError, UsageError
from attnprobe.report.parts.safe_text import safe

_MAX_MESSAGE = 600
_MAX_HINT_LINES = 20
_WORKFLOW_COMMAND = re.compile(r"##(?=\[|vso\[)")  # a CI runner obeys these anywhere in a line


def report_failure(error: Exception, session: Session) -> int:
    """Print an error to stderr.

    Returns:
        The exit code.
    """
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        print(error.format_message(), file=sys.stderr)
        return error.exit_code
    ours = _translated(error)
    if session.debug:
        _print_traceback(error)
    _print_line(f"error[{ours.code}] {visible(ours.message)}", ours.location, session)
    for line in ours.hint.splitlines()[:_MAX_HINT_LINES]:
        print(f"  {visible(line)}", file=sys.stderr)
    print(f"  (exit {ours.exit_code} · attnprobe explain {ours.code})", file=sys.stderr)
    return ours.exit_code


def visible(text: str) -> str:
    """Text of others on a line of ours."""
    return without_commands(safe(text, _MAX_MESSAGE))


def without_commands(text: str) -> str:
    """The same text, with nothing in the middle of a line that a CI runner takes for a command."""
    return _WORKFLOW_COMMAND.sub(r"#\\x23", text)


def _translated(error: Exception) -> AttnprobeError:
    if isinstance(error, AttnprobeError):
        return error
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        hint = f"See `{context.command_path} --help`." if context else ""
        return UsageError(error.format_message(), hint=hint)
    return InternalError(
        f"{type(error).__name__}: {error}",
        hint="This is a bug of attnprobe's. Run it again with --debug and report what it prints.",
    )


def _print_line(line: str, location: str, session: Session) -> None:
    place = f"   {visible(_relative(location))}" if location else ""
    console = session.console()
    if not console.is_terminal:
        print(line + place, file=sys.stderr)
        return
    from rich.text import Text

    head, _, rest = line.partition(" ")
    console.print(Text.assemble((head, "bold red"), " ", rest, (place, "dim")), soft_wrap=True)


def _relative(location: str) -> str:
    """The location seen from the working directory, where that is shorter to say."""
    path, colon, line = location.rpartition(":")
    try:
        return f"{Path(path).relative_to(Path.cwd())}{colon}{line}"
    except (OSError, ValueError):
        return location


def _print_traceback(error: Exception) -> None:
    """Ours, then what the model's process sent of its own."""
    for line in "".join(traceback.format_exception(error)).splitlines():
        print(f"| {visible(line)}", file=sys.stderr)
