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
    has_gpu = has_gpu_driver()
    return (
        Feature("process of its own", is_posix, "" if is_posix else "use WSL, or the Python API"),
        Feature("time limit", is_posix, "SIGTERM, after 2 s SIGKILL to the whole group"),
        Feature(
            "allocations fail at the memory limit",
            is_linux and not has_gpu,
            "RLIMIT_DATA"
            if is_linux and not has_gpu
            else "a GPU driver is present"
            if has_gpu
            else "Linux only",
        ),
        Feature("memory watchdog", is_posix, "resident memory of the process and its children"),
        Feature("orphans are ended", is_linux, "PR_SET_CHILD_SUBREAPER" if is_linux else "Linux only"),
        Feature("ends when attnprobe ends", is_linux, "PR_SET_PDEATHSIG" if is_linux else "Linux only"),
    )
