"""What the child tells its parent of an exception. Nothing that the exception does when printed may hurt."""

from __future__ import annotations

import traceback

from attnprobe.errors import AttnprobeError, InternalError, ModelError, WorkerError
from attnprobe.isolation.user_code import location_in_traceback

_MAX_TEXT = 4_000
_MAX_TRACEBACK = 64_000


def describe(error: BaseException) -> dict[str, str]:
    """An exception as the parent gets it: strings of bounded length."""
    ours = error if isinstance(error, AttnprobeError) else _translated(error)
    if not isinstance(ours, WorkerError) and is_out_of_memory(error):
        ours = WorkerError(
            f"out of memory: {text_of(ours)}",
            hint="Use --static (no weights in memory), a smaller input, or a larger --memory-limit.",
            location=ours.location,
        )
    return {
        "code": ours.code,
        "message": text_of(ours),
        "hint": str(ours.hint)[:_MAX_TEXT],
        "location": str(ours.location)[:_MAX_TEXT],
        "traceback": _trace(error),
    }


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out somewhere in the chain of causes."""
    link: BaseException | None = error
    for _ in range(20):
        if link is None:
            return False
        if isinstance(link, MemoryError) or type(link).__name__ == "OutOfMemoryError":
            return True
        if isinstance(link, RuntimeError) and "can't allocate memory" in text_of(link):
            return True
        link = link.__cause__ or link.__context__
    return False


def _translated(error: BaseException) -> AttnprobeError:
    place = location_in_traceback(error.__traceback__)
    name = type(error).__name__
    if isinstance(error, SystemExit):
        return ModelError(
            f"the model's code called sys.exit({text_of(error)})",
            hint='Put what belongs to a script under `if __name__ == "__main__":`.',
            location=place,
        )
    if place:
        return ModelError(f"the model's code raised {name}: {text_of(error)}", location=place)
    return InternalError(
        f"{name}: {text_of(error)}", hint="Run it again with --debug and report what it prints."
    )


def text_of(error: BaseException) -> str:
    """What an exception says, cut at 4,000 characters; survives one that cannot be printed."""
    try:
        return str(error)[:_MAX_TEXT]
    except BaseException:
        return "(its message cannot be printed)"


def _trace(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))[-_MAX_TRACEBACK:]
    except BaseException:
        return "(its traceback cannot be printed)"
