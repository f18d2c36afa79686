"""Which guards of the model's process exist on this platform."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from attnprobe.isolation.limits import has_gpu_driver


@dataclass(frozen=True, slots=True)
class Feature:
    """One guard."""

    name: str
    is_available: bool
    note: str


def features() -> tuple[Feature, ...]:
    """Every guard, available or not."""
    is_posix, is_linux = sys.platform != "win32", sys.platform == "linux"
    linux_only = "" if is_linux else "Linux only"
    in_the_way = linux_only or ("a GPU driver is present" if has_gpu_driver() else "")
    return (
        Feature("process of its own", is_posix, "" if is_posix else "use WSL, or the Python API"),
        Feature("time limit", is_posix, "SIGTERM, after 2 s SIGKILL to the whole group"),
        Feature("allocations fail at the memory limit", not in_the_way, in_the_way or "RLIMIT_DATA"),
        Feature("memory watchdog", is_posix, "resident memory of the process and its children"),
        Feature("orphans are ended", is_linux, linux_only or "PR_SET_CHILD_SUBREAPER"),
        Feature("ends when attnprobe ends", is_linux, linux_only or "PR_SET_PDEATHSIG"),
    )
