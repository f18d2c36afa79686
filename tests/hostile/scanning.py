"""Running `attnprobe` as a user would: in a fresh process and folder."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

OUTPUTS = {"attnprobe-report.html", "attnprobe-scan.json"}
QUICK = ("--static", "--probe", "flops")


@dataclass(frozen=True)
class Run:
    """What a run of the command line left behind."""

    exit_code: int
    stdout: str
    stderr: str
    seconds: float
    files: frozenset[str]

    @property
    def error_lines(self) -> list[str]:
        return [line for line in self.stderr.splitlines() if line.startswith("error[")]

    def assert_clean(self) -> None:
        """One error if it failed; no traceback, no command for a CI runner, no control character."""
        said = self.stdout + self.stderr
        assert "Traceback" not in self.stderr
        assert not [line for line in said.splitlines() if line.strip().startswith("::")]
        assert "##[" not in said
        assert not {char for char in said if not char.isprintable() and char != "\n"}
        assert len(self.error_lines) == (self.exit_code != 0)


def attnprobe(
    folder: Path, *arguments: str, environ: Mapping[str, str] | None = None, limit_seconds: float = 100.0
) -> Run:
    """`attnprobe ARGUMENTS` in a folder."""
    before = set(os.listdir(folder))
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-P", "-m", "attnprobe", *arguments],
        cwd=folder,
        env=dict(os.environ if environ is None else environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=limit_seconds,
    )
    return Run(
        done.returncode,
        done.stdout.decode("utf-8", "backslashreplace"),
        done.stderr.decode("utf-8", "backslashreplace"),
        time.monotonic() - started,
        frozenset(set(os.listdir(folder)) - before),
    )


def scan_model(folder: Path, source: str, *options: str, environ: Mapping[str, str] | None = None) -> Run:
    """Write a model file and scan it, shapes only."""
    (folder / "model.py").write_text(source, encoding="utf-8")
    return attnprobe(folder, "scan", "model.py", *QUICK, *options, environ=environ)
