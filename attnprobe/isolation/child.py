"""Starting the process that runs the user's code, and ending it."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from attnprobe.errors import UsageError
from attnprobe.isolation.messages import to_json
from attnprobe.isolation.processes import adopting_orphans, end_group

_ROOT = str(Path(__file__).resolve().parents[2])
# Our folder goes last on the path, and the working directory not at all (-P): a `json.py` beside the model
# must not stand in for the real one while attnprobe starts.
_START = "import sys; sys.path.append(sys.argv[1]); from attnprobe.worker import main; main(sys.argv[2:])"
_GRACE_SECONDS = 2.0
_KEY_BYTES = 32


class TailBuffer:
    """The last 256 KB of a stream."""

    def __init__(self, capacity: int = 256 * 2**10) -> None:
        self._capacity = capacity
        self._data = bytearray()

    def add(self, data: bytes) -> None:
        """Append, and forget what no longer fits."""
        self._data += data
        if len(self._data) > 2 * self._capacity:
            del self._data[: -self._capacity]

    def text(self) -> str:
        """What is kept, undecodable bytes shown as escapes."""
        return bytes(self._data[-self._capacity :]).decode("utf-8", errors="backslashreplace")


@dataclass(frozen=True, slots=True)
class Child:
    """The running process and our ends of its pipes."""

    process: subprocess.Popen[bytes]
    channel: int  # messages of `attnprobe.worker`
    stdout: int
    stderr: int
    key: bytes


@contextmanager
def running_child(
    job: str,
    arguments: Mapping[str, Any],
    environ: Mapping[str, str],
    *,
    folder: Path | None = None,
    descriptors: Sequence[int] = (),
) -> Iterator[Child]:
    """A fresh process at work on a job; gone with everything that it started when the context is left.

    Args:
        job: A name in `attnprobe.worker.JOBS`.
        arguments: What the job gets, as JSON.
        environ: The environment variables that it sees.
        folder: Its working directory; None: ours.
        descriptors: Of ours, that it inherits under the same numbers.

    Raises:
        UsageError: This platform has no way to give the process a channel of its own.
    """
    if sys.platform == "win32":
        raise UsageError(
            "running a model in a process of its own needs Linux or macOS",
            hint="Use WSL, or the Python API: attnprobe.scan(model, inputs).",
        )
    key = secrets.token_bytes(_KEY_BYTES)
    request = to_json({"job": job, "key": key.hex(), "parent": os.getpid(), "arguments": arguments})
    with adopting_orphans(), pipe() as (request_out, request_in), pipe() as (channel_out, channel_in):
        process = _start(request_out.fileno(), channel_in.fileno(), environ, folder, descriptors)
        try:
            request_out.close()
            channel_in.close()
            with suppress(BrokenPipeError):
                request_in.write(request)
            request_in.close()
            stdout, stderr = process.stdout, process.stderr
            assert stdout is not None
            assert stderr is not None
            yield Child(process, channel_out.fileno(), stdout.fileno(), stderr.fileno(), key)
        finally:
            end_group(process, grace_seconds=_GRACE_SECONDS)
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


def _start(
    request: int, channel: int, environ: Mapping[str, str], folder: Path | None, descriptors: Sequence[int]
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-c", _START, _ROOT, str(request), str(channel)]
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        env=dict(environ),
        cwd=folder,
        pass_fds=(request, channel, *descriptors),
        start_new_session=True,
    )


@contextmanager
def pipe() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Its end to read and its end to write; closed when the context is left, unless that was done before."""
    read, write = os.pipe()
    with open(read, "rb", buffering=0) as out, open(write, "wb", buffering=0) as into:
        yield out, into
