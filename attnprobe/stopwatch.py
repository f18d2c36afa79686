"""Stages of a scan, timed and reported as they go."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from attnprobe.records import Stage

Progress = Callable[[str, str, float | None], None]  # (stage, "start" or what came out, seconds)


@dataclass(slots=True)
class RunningStage:
    """What a stage says of itself when it is done."""

    outcome: str = ""
    ok: bool = True


class Stopwatch:
    """Times stages and hands each to `progress`."""

    def __init__(self, progress: Progress, clock: Callable[[], float] = time.perf_counter) -> None:
        self.stages: list[Stage] = []
        self._progress = progress
        self._clock = clock

    @contextmanager
    def stage(self, name: str) -> Iterator[RunningStage]:
        """Time the body."""
        running = RunningStage()
        self._progress(name, "start", None)
        started = self._clock()
        yield running
        seconds = self._clock() - started
        self.stages.append(Stage(name=name, seconds=seconds, outcome=running.outcome, ok=running.ok))
        self._progress(name, running.outcome or "done", seconds)
