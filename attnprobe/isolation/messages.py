"""What passes between the two processes: a request to the child, checked messages back.

A message is magic, kind, length, digest, body. The digest is keyed with a number that only this pair of
processes knows, so what a model prints into the wrong descriptor is never taken for an answer.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from hashlib import blake2b
from hmac import compare_digest
from json import dumps, loads
from typing import Any, Literal, cast

from attnprobe.errors import WorkerError

Kind = Literal["progress", "result", "failure"]

MAX_BODY_BYTES = 64 * 2**20
_MAGIC = b"APW1"
_HEADER = struct.Struct(">4s8sQ16s")  # magic, kind, bytes of the body, digest
_getpid = os.getpid


class Sender:
    """The child's end of the channel."""

    def __init__(self, descriptor: int, key: bytes) -> None:
        self._descriptor = descriptor
        self._key = key
        self._process = _getpid()
        self._identity = _identity(descriptor)

    def send(self, kind: Kind, body: bytes) -> None:
        """Write one message.

        A copy of this process that the model forked stays silent, and so does a process whose descriptor the
        model closed: the number may now belong to a file of the user's.

        Raises:
            WorkerError: The body is larger than 64 MB.
            OSError: The channel is closed.
        """
        if len(body) > MAX_BODY_BYTES:
            raise WorkerError(
                f"the {kind} has {len(body)} bytes, more than the {MAX_BODY_BYTES} that are allowed"
            )
        if _getpid() != self._process or _identity(self._descriptor) != self._identity:
            return
        waiting = memoryview(_header(kind, body, self._key) + body)
        while waiting:
            waiting = waiting[os.write(self._descriptor, waiting) :]


class Receiver:
    """The parent's end: bytes in, messages out."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._waiting = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        """The messages that `data` completes.

        Raises:
            WorkerError: What came is not a message of ours, too long, or does not match its digest.
        """
        self._waiting += data
        while len(self._waiting) >= _HEADER.size:
            magic, kind, length, digest = _HEADER.unpack_from(self._waiting)
            if magic != _MAGIC or length > MAX_BODY_BYTES:
                raise _damaged()
            end = _HEADER.size + length
            if len(self._waiting) < end:
                return
            body = bytes(self._waiting[_HEADER.size : end])
            del self._waiting[:end]
            if not compare_digest(digest, _digest(kind, body, self._key)):
                raise _damaged()
            yield cast(Kind, kind.rstrip(b"\0").decode()), body


def to_json(value: Any) -> bytes:
    """Strict JSON, ASCII only.

    Raises:
        ValueError: A number is NaN or infinite.
    """
    return dumps(value, allow_nan=False).encode("ascii")


def from_json(body: bytes) -> Any:
    """The value of strict JSON.

    Raises:
        WorkerError: It is not JSON, or holds NaN or infinity.
    """
    try:
        return loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise _damaged() from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _header(kind: Kind, body: bytes, key: bytes) -> bytes:
    padded = kind.encode().ljust(8, b"\0")
    return _HEADER.pack(_MAGIC, padded, len(body), _digest(padded, body, key))


def _digest(kind: bytes, body: bytes, key: bytes) -> bytes:
    return blake2b(kind + body, key=key, digest_size=16).digest()


def _identity(descriptor: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _damaged() -> WorkerError:
    return WorkerError(
        "the answer of the model's process is damaged",
        hint="The model's code wrote into attnprobe's channel, or replaced parts of the standard library.",
    )
