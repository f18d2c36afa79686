"""Running a command in this process: exit code, stdout, stderr."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from attnprobe.commands.terminal.program import run


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    exit_code: int
    stdout: str
    stderr: str


def runner(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """A function that runs a command line and returns what it said."""

    def attnprobe(*arguments: str) -> Ran:
        capfd.readouterr()
        before = signal.getsignal(signal.SIGTERM)
        try:
            exit_code = run(arguments)
        finally:
            signal.signal(signal.SIGTERM, before)
        said = capfd.readouterr()
        return Ran(exit_code, said.out, said.err)

    return attnprobe
