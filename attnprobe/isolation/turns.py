"""Two jobs that are alive at once and run in turns, so that both see the same machine.

A baton goes to and fro between the two processes through pipes; this process only watches. While one runs,
the other waits in a read and takes no time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attnprobe.errors import AttnprobeError, WorkerError
from attnprobe.isolation.child import pipe, running_child
from attnprobe.isolation.environment import child_environment
from attnprobe.isolation.limits import Limits
from attnprobe.isolation.supervisor import Progress, Watch

_POLL_SECONDS = 0.05
_SECONDS_TO_SAY_WHY = 10.0
_ORDER = (0, 1, 1, 0)  # whoever goes first takes turns as well: a drift of the machine falls on both alike


@dataclass(frozen=True, slots=True)
class Version:
    """One of the two."""

    name: str  # "origin/main (1a2b3c4)": begins its messages
    arguments: Mapping[str, Any]
    folder: Path | None  # None: the working directory


class Baton:
    """One process's ends of the two pipes."""

    def __init__(self, number: int, read: int, write: int) -> None:
        self.number = number
        self._read = read
        self._write = write

    def turns(self, pairs: int) -> Iterator[int]:
        """The number of each pair, when it is this process's turn.

        Raises:
            WorkerError: The other process is gone.
        """
        if self.number == 1:
            self._hand_over()  # ready
        else:
            self._wait()
        order = [_ORDER[turn % len(_ORDER)] for turn in range(2 * pairs)]
        for turn, number in enumerate(order):
            if number != self.number:
                continue
            if turn and order[turn - 1] != number:
                self._wait()
            yield turn // 2
            if turn + 1 < len(order) and order[turn + 1] != number:
                self._hand_over()

    def _wait(self) -> None:
        if not os.read(self._read, 1):
            time.sleep(_SECONDS_TO_SAY_WHY)  # the other's error is the one to report; it ends this process
            raise WorkerError("the process of the other version is gone")

    def _hand_over(self) -> None:
        with suppress(BrokenPipeError):  # whoever watches both knows more of why it is gone
            os.write(self._write, b"x")


def run_in_turns(
    job: str,
    versions: tuple[Version, Version],
    *,
    limits: Limits,
    progress: Progress,
    passed_names: Iterable[str] = (),
) -> tuple[bytes, bytes]:
    """Run one job for two versions at once; each gets a `baton` among its arguments.

    Args:
        job: A name in `attnprobe.worker.JOBS`.
        versions: The first one has the first turn.
        limits: Time of each, memory of both together.
        progress: Called with (stage, state, seconds) of the first.
        passed_names: Environment variables that the processes see besides those they need.

    Raises:
        AttnprobeError: The error of one of the two, which it names.
    """
    environ = child_environment(os.environ, passed_names)
    memory = limits.memory_bytes // 2
    shared = Limits(seconds=limits.seconds, memory_bytes=memory)
    with pipe() as (to_first, from_second), pipe() as (to_second, from_first):
        ends = (
            (to_first.fileno(), from_first.fileno()),
            (to_second.fileno(), from_second.fileno()),
        )
        requests = [
            {**version.arguments, "memory_bytes": memory, "baton": [number, *ends[number]]}
            for number, version in enumerate(versions)
        ]
        one, other = versions
        with (
            running_child(job, requests[0], environ, folder=one.folder, descriptors=ends[0]) as first,
            running_child(job, requests[1], environ, folder=other.folder, descriptors=ends[1]) as second,
        ):
            for end in (to_first, from_second, to_second, from_first):
                end.close()
            watches = (Watch(first, shared, progress), Watch(second, shared, _silent))
            return _results(watches, versions)


def _results(watches: tuple[Watch, Watch], versions: tuple[Version, Version]) -> tuple[bytes, bytes]:
    while True:
        found = []
        for watch, version in zip(watches, versions, strict=True):
            try:
                found.append(watch.step(_POLL_SECONDS))
            except AttnprobeError as error:
                error.message = f"{version.name}: {error.message}"
                error.args = (error.message,)
                raise
        if found[0] is not None and found[1] is not None:
            return found[0], found[1]


def _silent(stage: str, state: str, seconds: float | None) -> None:
    pass
