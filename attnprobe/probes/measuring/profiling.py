"""One run under torch's profiler, without its noise on the terminal."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_LOG_LEVEL = "KINETO_LOG_LEVEL"
_SILENT = "99"  # torch 2.13's profiler prints two lines per run at every level that it documents


@contextmanager
def profiled(*, memory: bool = False, on_gpu: bool = False) -> Iterator[Any]:
    """Profile the body; the profiler that is given can be read after it.

    Args:
        memory: Whether to record every allocation.
        on_gpu: Whether to record GPU kernels.
    """
    from torch.profiler import ProfilerActivity, profile

    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    before = os.environ.get(_LOG_LEVEL)
    os.environ[_LOG_LEVEL] = _SILENT
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with profile(activities=activities, profile_memory=memory, acc_events=True) as profiler:
                yield profiler
    finally:
        if before is None:
            del os.environ[_LOG_LEVEL]
        else:
            os.environ[_LOG_LEVEL] = before


def allocations(profiler: Any) -> list[int]:
    """Bytes of every allocation (> 0) and release (< 0) on the CPU, in order of time.

    Raises:
        AttributeError: This torch keeps its profiler's raw events elsewhere.
    """
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    return [event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]
