"""Running `attnprobe scan` on a model file that misbehaves, as a user would: in a fresh process and folder."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

OUTPUTS = {"attnprobe-report.html", "attnprobe-scan.json"}

_MODEL = """
import torch
from torch import nn
{at_import}
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(8, 24)
{at_build}
    def forward(self, x):
{at_forward}
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        return torch.softmax(q @ k.mT / 8**0.5, dim=-1) @ v

def build_model():
    return Model()

def example_inputs():
    return torch.zeros(1, 4, 8)
"""


def model_source(at_import: str = "", at_build: str = "", at_forward: str = "") -> str:
    """A small attention model with code of the test's at one of three places."""
    places = {
        "at_import": at_import,
        "at_build": indent(at_build, " " * 8),
        "at_forward": indent(at_forward, " " * 8),
    }
    return _MODEL.format(**places)


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
        """No traceback, no command for a CI runner, no control character; one error at most."""
        assert "Traceback" not in self.stderr
        assert not [
            line for line in (self.stdout + self.stderr).splitlines() if line.strip().startswith("::")
        ]
        assert not {char for char in self.stdout + self.stderr if not char.isprintable() and char != "\n"}
        assert len(self.error_lines) == (self.exit_code != 0)


def attnprobe(
    folder: Path, *arguments: str, environ: Mapping[str, str] | None = None, limit_seconds: float = 60.0
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


def scan_model(folder: Path, source: str, *options: str, name: str = "model.py") -> Run:
    """Write a model file and scan it."""
    (folder / name).write_text(source, encoding="utf-8")
    return attnprobe(folder, "scan", name, "--static", *options)
