"""Clocks: a mark now, milliseconds between two marks later. On a GPU a mark is an event of the stream."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol


class Timer(Protocol):
    """Marks points in time; the distance of two is known after `wait`."""

    def mark(self) -> Any:
        """A point in time, as the device gets there."""

    def wait(self) -> None:
        """Until everything marked has happened."""

    def milliseconds(self, start: Any, end: Any) -> float:
        """Time between two marks."""


class CpuTimer:
    """Marks by a clock in seconds; torch's CPU ops have finished when they return."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock

    def mark(self) -> float:
        """Seconds on the clock."""
        return self._clock()

    def wait(self) -> None:
        """Nothing to wait for."""

    def milliseconds(self, start: float, end: float) -> float:
        """Time between two marks."""
        return 1e3 * (end - start)


class CudaTimer:
    """Marks by CUDA events on the current stream: the time that the GPU took, launches ahead of it not."""

    def __init__(self, device: str) -> None:
        self._device = device

    def mark(self) -> Any:
        """An event, recorded now."""
        import torch

        event: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event

    def wait(self) -> None:
        """Until the GPU has passed every event."""
        import torch

        torch.cuda.synchronize(self._device)

    def milliseconds(self, start: Any, end: Any) -> float:
        """Time between two events."""
        return float(start.elapsed_time(end))


def timer_for(device: str) -> Timer:
    """The clock of a device."""
    return CudaTimer(device) if device.startswith("cuda") else CpuTimer()
