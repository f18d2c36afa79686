"""Watching a job: progress is passed on, limits are kept, every end has a sentence."""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from attnprobe.errors import WorkerError
from attnprobe.isolation.child import Child, TailBuffer, running_child
from attnprobe.isolation.environment import child_environment
from attnprobe.isolation.limits import Limits
from attnprobe.isolation.messages import Receiver, from_json
from attnprobe.isolation.outcomes import out_of_memory, rebuilt_error, sudden_end, timed_out
from attnprobe.isolation.processes import resident_bytes

Progress = Callable[[str, str, float | None], None]

_POLL_SECONDS = 0.1
_WEIGHING_SECONDS = 0.25
_DUMP_SECONDS = 0.3


def run_job(
    job: str,
    arguments: Mapping[str, Any],
    *,
    limits: Limits,
    progress: Progress,
    passed_names: Iterable[str] = (),
    capture: Callable[[str, str], None] | None = None,
    folder: Path | None = None,
) -> bytes:
    """Run one job of `attnprobe.worker` in a process of its own.

    Meant for a process that does nothing else meanwhile: children that appear during the job are taken for
    the job's and ended with it.

    Args:
        job: A name in `attnprobe.worker.JOBS`.
        arguments: What the job gets, as JSON.
        limits: Time and memory.
        progress: Called with (stage, state, seconds).
        passed_names: Environment variables that the process sees besides those it needs.
        capture: Called at the end with what the process wrote to stdout and stderr (the last 256 KB of each).
        folder: Its working directory; None: ours.

    Returns:
        The job's result.

    Raises:
        AttnprobeError: The job's own error.
        WorkerError: The process died, hung, ran out of memory, or its answer is damaged.
    """
    environ = child_environment(os.environ, passed_names)
    request = {**arguments, "memory_bytes": limits.memory_bytes}
    with running_child(job, request, environ, folder=folder) as child:
        watch = Watch(child, limits, progress)
        try:
            return watch.result()
        finally:
            if capture is not None:
                capture(watch.stdout.text(), watch.stderr.text())


class Watch:
    """One running job."""

    def __init__(self, child: Child, limits: Limits, progress: Progress) -> None:
        self._child = child
        self._limits = limits
        self._progress = progress
        self._receiver = Receiver(child.key)
        self._started = time.monotonic()
        self._next_weighing = 0.0
        self._when = ""  # the last that was heard: "during 'load'", "after 'load'"
        self._result: bytes | None = None
        self.stdout, self.stderr = TailBuffer(), TailBuffer()
        self._selector = selectors.DefaultSelector()
        takers = {
            child.channel: self._take_messages,
            child.stdout: self.stdout.add,
            child.stderr: self.stderr.add,
        }
        for descriptor, take in takers.items():
            os.set_blocking(descriptor, False)
            self._selector.register(descriptor, selectors.EVENT_READ, take)

    def result(self) -> bytes:
        """Wait for the job's result."""
        while True:
            found = self.step(_POLL_SECONDS)
            if found is not None:
                return found

    def step(self, seconds: float) -> bytes | None:
        """Keep the limits, and take what comes within so many seconds; the result, if it is there."""
        if self._result is not None:
            return self._result
        self._keep_limits()
        has_ended = self._child.process.poll() is not None
        has_read = self._read(seconds)
        if has_ended and not has_read and self._result is None:
            raise sudden_end(self._child.process.returncode, self._when, self.stderr.text())
        return self._result

    def _read(self, seconds: float) -> bool:
        """Take what is there; wait for it at most so long. Whether there was something."""
        has_read = False
        for key, _ in self._selector.select(seconds):
            with suppress(BlockingIOError):
                data = os.read(key.fd, 2**16)
                has_read = True
                if data:
                    key.data(data)
                else:
                    self._selector.unregister(key.fd)
        if not self._selector.get_map():
            time.sleep(seconds)
        return has_read

    def _take_messages(self, data: bytes) -> None:
        for kind, body in self._receiver.feed(data):
            if kind == "progress":
                self._take_progress(from_json(body))
            elif kind == "failure":
                raise rebuilt_error(from_json(body))
            else:
                self._result = body
                return

    def _take_progress(self, message: Any) -> None:
        match message:
            case [str(stage), str(state), float() | None as seconds]:
                self._when = f"{'during' if state == 'start' else 'after'} '{stage}'"
                self._progress(stage, state, seconds)
            case _:
                raise WorkerError("the model's process sent a progress message of an unknown form")

    def _keep_limits(self) -> None:
        if self._limits.seconds and time.monotonic() - self._started > self._limits.seconds:
            self._ask_where_it_is()
            raise timed_out(self._limits.seconds, self._when, self.stderr.text())
        if self._limits.memory_bytes and time.monotonic() > self._next_weighing:
            self._next_weighing = time.monotonic() + _WEIGHING_SECONDS
            resident = resident_bytes(self._child.process.pid)
            if resident > self._limits.memory_bytes:
                raise out_of_memory(resident, self._limits.memory_bytes, self._when)

    def _ask_where_it_is(self) -> None:
        """Let the process write its stacks to stderr."""
        with suppress(ProcessLookupError):
            os.kill(self._child.process.pid, signal.SIGUSR1)
        until = time.monotonic() + _DUMP_SECONDS
        while time.monotonic() < until:
            self._read(_POLL_SECONDS)
