"""The child process and its supervision, with the job that needs no model."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from attnprobe.errors import InternalError, WorkerError
from attnprobe.isolation import Limits, run_job
from attnprobe.isolation.child import TailBuffer
from attnprobe.isolation.messages import from_json
from attnprobe.isolation.processes import adopting_orphans, end_group, resident_bytes


def _silent(stage: str, state: str, seconds: float | None) -> None:
    pass


def test_a_job_comes_back_with_its_result() -> None:
    machine = from_json(run_job("machine", {}, limits=Limits(), progress=_silent))
    assert machine["torch"]
    assert machine["faults"] == []
    assert any(line.endswith("commands") for line in machine["discovered"])


def test_a_job_that_is_not_known_is_an_error_of_ours() -> None:
    with pytest.raises(InternalError, match="KeyError"):
        run_job("nonsense", {}, limits=Limits(), progress=_silent)


def test_time_runs_out_while_torch_is_imported() -> None:
    before = set(psutil.Process().children())  # the browser of other tests
    with pytest.raises(WorkerError, match="not done after"):
        run_job("machine", {}, limits=Limits(seconds=0.05), progress=_silent)
    assert set(psutil.Process().children()) <= before


def test_a_memory_limit_below_what_torch_needs_is_one_error() -> None:
    with pytest.raises(WorkerError):
        run_job("machine", {}, limits=Limits(memory_bytes=60 * 2**20), progress=_silent)


def test_a_tail_keeps_the_end() -> None:
    tail = TailBuffer(capacity=4)
    for piece in (b"abc", b"defgh", b"ij\xff"):
        tail.add(piece)
    assert tail.text() == "hij\\xff"


def test_children_from_before_the_job_are_left_alone() -> None:
    mine = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        with adopting_orphans():
            theirs = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        assert mine.poll() is None
        assert not psutil.pid_exists(theirs.pid)
        theirs.wait()
    finally:
        mine.kill()
        mine.wait()


def test_a_process_that_has_ended_is_ended_again_without_harm() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    process.wait()
    end_group(process, grace_seconds=1)
    assert process.returncode == 0


def test_resident_memory_grows_with_what_is_held() -> None:
    before = resident_bytes(os.getpid())
    held = b"x" * (64 * 2**20)
    assert resident_bytes(os.getpid()) - before > 0.9 * len(held)


def test_a_process_that_is_gone_holds_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert resident_bytes(process.pid) == 0
