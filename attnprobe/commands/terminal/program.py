"""One run of the program: arguments in, exit code out."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

import click

import attnprobe
from attnprobe.commands.terminal.command_folder import CommandFolder
from attnprobe.commands.terminal.failure import report_failure
from attnprobe.commands.terminal.session import Session

_INTERRUPTED = 130  # 128 + SIGINT
_TERMINATED = 143  # 128 + SIGTERM
_NO_READER = 141  # 128 + SIGPIPE


class _Terminated(BaseException):
    """Somebody asked this process to end."""


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Returns:
        0 done, 2 usage, 3 the model failed, 4 our own bug, 130 interrupted.
    """
    _prepare_streams()
    signal.signal(signal.SIGTERM, _terminate)
    session = Session()
    try:
        result = program().main(
            args=list(arguments), prog_name="attnprobe", standalone_mode=False, obj=session
        )
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except (KeyboardInterrupt, click.Abort):
        return _stopped("interrupted", _INTERRUPTED)
    except _Terminated:
        return _stopped("terminated", _TERMINATED)
    except BrokenPipeError:
        # Python flushes stdout once more on its way out; let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _NO_READER
    except Exception as error:
        return report_failure(error, session)


def program() -> click.Group:
    """The group of all commands."""
    group = CommandFolder(
        name="attnprobe",
        help="Find, measure and explain every attention of any PyTorch model.",
        epilog="Example: attnprobe scan model.py",
        context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    )
    return click.version_option(attnprobe.__version__, "-V", "--version", prog_name="attnprobe")(group)


def _prepare_streams() -> None:
    """A character that the terminal's encoding lacks prints as an escape; a closed stream is /dev/null."""
    for name in ("stdout", "stderr"):
        stream: Any = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - open for the life of the process
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _terminate(number: int, frame: FrameType | None) -> None:
    raise _Terminated


def _stopped(how: str, exit_code: int) -> int:
    print(f"attnprobe: {how}; nothing was written", file=sys.stderr)
    return exit_code
