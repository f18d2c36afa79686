"""Where a benchmark ran."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version


def machine() -> dict[str, str | int]:
    """Processor, threads and versions; no names."""
    import torch

    return {
        "processor": f"CPU, {platform.machine()}, {os.cpu_count()} cores",
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": version("transformers"),
    }


def sentence() -> str:
    """The same in a line."""
    known = machine()
    return (
        f"{known['processor']}, {known['threads']} threads, torch {known['torch']}, "
        f"transformers {known['transformers']}"
    )
