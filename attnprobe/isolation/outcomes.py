"""The error for each way in which a job can end without a result."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

from attnprobe.errors import AttnprobeError, WorkerError
from attnprobe.isolation.user_code import location_in_dump

_LAST_LINES = 5
_MEANINGS = {
    "SIGSEGV": "it crashed in native code",
    "SIGBUS": "it crashed in native code",
    "SIGILL": "it ran an instruction that this processor does not have",
    "SIGFPE": "it crashed in native code",
    "SIGABRT": "native code gave up",
    "SIGKILL": "something killed it, most often the system when memory is short",
}


def rebuilt_error(message: Any) -> AttnprobeError:
    """The error that the child described, as an object of its class; its traceback is a note."""
    match message:
        case {
            "code": str(code),
            "message": str(text),
            "hint": str(hint),
            "location": str(place),
            "traceback": str(trace),
        }:
            error = _class_of(code)(text, hint=hint, location=place)
            error.add_note(trace)
            return error
        case _:
            return WorkerError("the model's process sent a failure of an unknown form")


def sudden_end(returncode: int, when: str, stderr: str) -> WorkerError:
    """The process ended without a result."""
    if returncode < 0:
        name = _signal_name(-returncode)
        how = f"was ended by {name}" + (f": {_MEANINGS[name]}" if name in _MEANINGS else "")
        hint = "Run the model by itself to see whether it crashes there too."
    else:
        how = f"ended by itself with exit code {returncode} and gave no result"
        hint = "Does its code call os._exit, exec another program, or close file descriptors?"
    return WorkerError(
        f"the model's process {how}{_at(when)}",
        hint="\n".join([*_last_words(stderr), hint]),
        location=location_in_dump(stderr),
    )


def timed_out(seconds: float, when: str, stderr: str) -> WorkerError:
    """The process did not finish in time."""
    return WorkerError(
        f"not done after {seconds:g} s{_at(when)}",
        hint="Give it more time with --timeout (0: no limit), or less to do: --static, a smaller input.",
        location=location_in_dump(stderr),
    )


def out_of_memory(resident: int, limit: int, when: str) -> WorkerError:
    """The process grew past its limit."""
    return WorkerError(
        f"out of memory{_at(when)}: the model's process holds {_gibibytes(resident)}"
        f" and may hold {_gibibytes(limit)}",
        hint="Use --static (no weights in memory), a smaller input, or a larger --memory-limit.",
    )


def _class_of(code: str) -> type[AttnprobeError]:
    return next((cls for cls in _family(AttnprobeError) if cls.code == code), WorkerError)


def _family(cls: type[AttnprobeError]) -> Iterator[type[AttnprobeError]]:
    for child in cls.__subclasses__():
        yield from _family(child)
    yield cls


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _at(when: str) -> str:
    return f", {when}" if when else ""


def _last_words(stderr: str) -> list[str]:
    lines = [line for line in stderr.splitlines() if line.strip()]
    if not lines:
        return []
    return ["The last lines that it wrote to stderr:", *(f"| {line}" for line in lines[-_LAST_LINES:])]


def _gibibytes(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
