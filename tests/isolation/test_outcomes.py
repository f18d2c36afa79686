from __future__ import annotations

import signal

import pytest

from attnprobe.errors import ModelError, PluginError, WorkerError
from attnprobe.isolation.failures import describe, is_out_of_memory
from attnprobe.isolation.outcomes import rebuilt_error, sudden_end, timed_out


class _UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize("cls", [ModelError, PluginError, WorkerError])
def test_an_error_arrives_as_it_was_raised(cls: type[ModelError]) -> None:
    error = rebuilt_error(describe(cls("what", hint="next", location="model.py:3")))
    assert type(error) is cls
    assert (error.message, error.hint, error.location) == ("what", "next", "model.py:3")


def test_the_childs_traceback_is_a_note() -> None:
    try:
        raise ModelError("what")
    except ModelError as raised:
        error = rebuilt_error(describe(raised))
    assert "test_outcomes.py" in error.__notes__[0]


@pytest.mark.parametrize("message", [None, [], {}, {"code": "E-MODEL"}, {"code": 3, "message": "x"}])
def test_a_failure_of_an_unknown_form_is_still_an_error(message: object) -> None:
    assert isinstance(rebuilt_error(message), WorkerError)


def test_an_exception_that_cannot_be_printed_is_described() -> None:
    description = describe(_UnprintableError())
    assert "_UnprintableError" in description["message"]
    assert len(description["traceback"]) < 100_000


def test_a_text_of_10_mb_is_cut() -> None:
    description = describe(RuntimeError("x" * 10**7))
    assert len(description["message"]) < 10_000
    assert len(description["traceback"]) < 100_000


def test_memory_that_runs_out_below_another_error_is_named() -> None:
    error = ModelError("the constructor failed")
    error.__cause__ = RuntimeError(
        "DefaultCPUAllocator: can't allocate memory: you tried to allocate 64 bytes"
    )
    assert is_out_of_memory(error)
    assert describe(error)["code"] == "E-WORKER"
    assert not is_out_of_memory(ModelError("memory is a word"))


def test_a_circle_of_causes_ends() -> None:
    first, second = RuntimeError("a"), RuntimeError("b")
    first.__cause__, second.__cause__ = second, first
    assert not is_out_of_memory(first)


def test_a_signal_is_named_and_explained() -> None:
    error = sudden_end(-signal.SIGKILL, "after 'timing'", "")
    assert "SIGKILL" in error.message
    assert "memory is short" in error.message
    assert error.message.endswith(", after 'timing'")
    assert "signal 99" in sudden_end(-99, "", "").message


def test_the_last_lines_of_stderr_are_shown() -> None:
    hint = sudden_end(1, "", "".join(f"line {number}\n\n" for number in range(20))).hint
    assert [line for line in hint.splitlines() if line.startswith("|")] == [
        f"| line {n}" for n in range(15, 20)
    ]


def test_a_time_out_says_how_long_and_where() -> None:
    dump = '  File "/nowhere/model.py", line 5 in forward\n'
    error = timed_out(2.5, "during 'trace'", dump)
    assert error.message == "not done after 2.5 s, during 'trace'"
    assert error.location == "model.py:5"
