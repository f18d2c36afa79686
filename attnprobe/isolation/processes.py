"""Ending a process together with everything that it started.

A grandchild that made its own session survives `killpg`. So while a job runs, this process adopts orphans
(Linux: PR_SET_CHILD_SUBREAPER) and ends every one of them before the job is over.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37
_SECONDS_TO_REAP = 5.0


@contextmanager
def adopting_orphans() -> Iterator[None]:
    """Orphaned descendants become children of this process; in the end those that came since are killed."""
    before = frozenset(child.pid for child in _children())
    adopted_before = _adopts()  # two jobs may run at once, one inside the other's context
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    try:
        yield
    finally:
        _end_children(except_for=before)
        _prctl(_PR_SET_CHILD_SUBREAPER, adopted_before)


def end_group(process: subprocess.Popen[bytes], *, grace_seconds: float) -> None:
    """Ask the group of a process to end, wait, then kill it."""
    if process.poll() is None:
        _signal_group(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace_seconds)
    _signal_group(process, signal.SIGKILL)
    process.wait()


def die_with_parent() -> None:
    """Called in the child: the kernel kills this process when its parent ends, however it ends (Linux)."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def resident_bytes(pid: int) -> int:
    """Memory of a process and its descendants that only they hold; pages of mapped files are not counted."""
    try:
        root = psutil.Process(pid)
        return sum(_own_bytes(process) for process in (root, *root.children(recursive=True)))
    except psutil.Error:
        return 0


def _own_bytes(process: psutil.Process) -> int:
    try:
        if sys.platform != "linux":
            return int(process.memory_info().rss)
        status = Path(f"/proc/{process.pid}/status").read_text(errors="replace")
    except (OSError, psutil.Error):
        return 0
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return 1024 * sum(int(fields.get(name, "0 kB").split()[0]) for name in ("RssAnon", "RssShmem"))


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _end_children(*, except_for: Collection[int]) -> None:
    deadline = time.monotonic() + _SECONDS_TO_REAP
    while time.monotonic() < deadline:
        left = [child for child in _children() if child.pid not in except_for]
        if not left:
            return
        for child in left:
            with suppress(psutil.Error):
                child.kill()
        psutil.wait_procs(left, timeout=0.5)


def _children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def _adopts() -> int:
    if sys.platform != "linux":
        return 0
    value = ctypes.c_int(0)
    ctypes.CDLL(None).prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(value), 0, 0, 0)
    return value.value


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
