"""How long and how large the model's process may become, and how that is enforced.

Two guards on memory. The kernel's limit on private writable memory (RLIMIT_DATA) makes an allocation that
is too large fail cleanly, as an error at its line; mapped weight files and merely reserved addresses do not
count, as they would under RLIMIT_AS. A watchdog adds up the resident memory of the process and its children,
and ends them when they pass the limit. Where a GPU driver is present the watchdog guards alone: drivers map
memory in ways that the kernel's limit would refuse.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from attnprobe.errors import UsageError

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
_GPU_DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
_SHARE_OF_AVAILABLE = 0.9
_CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one job."""

    seconds: float = 300.0  # wall clock; 0: none
    memory_bytes: int = 0  # of the process and its children; 0: none


def parse_size(text: str) -> int:
    """Bytes of "8G", "512 MiB", "1000000"; units are powers of 1024.

    Raises:
        UsageError: Not a size, or 0.
    """
    match = _SIZE.fullmatch(text.strip())
    size = int(float(match[1]) * _UNITS[match[2].upper()]) if match else 0
    if size <= 0:
        raise UsageError(f"'{text}' is not a size", hint="Write it as 8G, 512M or a number of bytes.")
    return size


def default_memory_bytes() -> int:
    """Nine tenths of what is available now, in this machine and in this container."""
    import psutil

    available: int = psutil.virtual_memory().available
    for limit, used in _CGROUPS:
        with suppress(OSError, ValueError):
            available = min(available, int(Path(limit).read_text()) - int(Path(used).read_text()))
    return int(max(available, 0) * _SHARE_OF_AVAILABLE)


def has_gpu_driver() -> bool:
    """Whether the device of a GPU driver is visible."""
    return any(os.path.exists(path) for path in _GPU_DRIVERS)


def limit_this_process(memory_bytes: int) -> None:
    """Limit the memory of this process, and leave no core files. Called before the user's code runs.

    Args:
        memory_bytes: Private writable memory; 0: no limit.
    """
    if sys.platform == "win32":
        return
    import resource

    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_bytes and sys.platform == "linux" and not has_gpu_driver():
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
