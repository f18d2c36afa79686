from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from attnprobe.errors import WorkerError
from attnprobe.isolation.messages import MAX_BODY_BYTES, Receiver, Sender, from_json, to_json

KEY = bytes(range(32))


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    os.set_blocking(read, False)
    yield read, write
    for end in (read, write):
        try:
            os.close(end)
        except OSError:
            continue


def _sent(pipe: tuple[int, int], kind: str, body: bytes) -> bytes:
    Sender(pipe[1], KEY).send(kind, body)  # type: ignore[arg-type]
    return os.read(pipe[0], 2**16)


def test_a_message_arrives_whole_however_it_is_cut(pipe: tuple[int, int]) -> None:
    data = _sent(pipe, "progress", b'["load", "start", null]') + _sent(pipe, "result", b"{}")
    receiver = Receiver(KEY)
    found = [message for index in range(len(data)) for message in receiver.feed(data[index : index + 1])]
    assert found == [("progress", b'["load", "start", null]'), ("result", b"{}")]


@pytest.mark.parametrize(
    "place", [0, 4, 12, 20, 36, 40], ids=["magic", "kind", "length", "digest", "body", "end"]
)
def test_a_changed_byte_is_noticed(place: int, pipe: tuple[int, int]) -> None:
    data = bytearray(_sent(pipe, "result", b"hello"))
    data[place] ^= 1
    receiver = Receiver(KEY)
    if place == 12:  # the length comes first: 2**56 more bytes
        with pytest.raises(WorkerError, match="damaged"):
            list(receiver.feed(bytes(data)))
        return
    with pytest.raises(WorkerError, match="damaged"):
        list(receiver.feed(bytes(data)))


def test_a_message_with_another_key_is_refused(pipe: tuple[int, int]) -> None:
    data = _sent(pipe, "result", b"hello")
    with pytest.raises(WorkerError, match="damaged"):
        list(Receiver(bytes(32)).feed(data))


def test_a_body_larger_than_the_limit_is_not_sent(pipe: tuple[int, int]) -> None:
    with pytest.raises(WorkerError, match="more than"):
        Sender(pipe[1], KEY).send("result", bytes(MAX_BODY_BYTES + 1))


def test_a_sender_whose_descriptor_was_given_away_stays_silent(
    pipe: tuple[int, int], tmp_path: object
) -> None:
    sender = Sender(pipe[1], KEY)
    with open(f"{tmp_path}/mine", "wb") as file:
        os.dup2(file.fileno(), pipe[1])
        sender.send("result", b"{}")
        assert os.fstat(file.fileno()).st_size == 0


def test_a_fork_stays_silent(pipe: tuple[int, int]) -> None:
    sender = Sender(pipe[1], KEY)
    child = os.fork()
    if child == 0:
        sender.send("result", b"{}")
        os._exit(0)
    os.waitpid(child, 0)
    with pytest.raises(BlockingIOError):
        os.read(pipe[0], 1)


@pytest.mark.parametrize("body", [b"{", b"[NaN]", b"[Infinity]", b"[-Infinity]", b"[" * 100_000, b"\xff"])
def test_what_is_not_strict_json_is_refused(body: bytes) -> None:
    with pytest.raises(WorkerError, match="damaged"):
        from_json(body)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_numbers_that_are_not_finite_are_not_sent(value: object) -> None:
    with pytest.raises(ValueError, match="JSON"):
        to_json(value)


def test_a_lone_surrogate_survives_the_way() -> None:
    assert from_json(to_json(["\udcff\U0001f600"])) == ["\udcff\U0001f600"]
