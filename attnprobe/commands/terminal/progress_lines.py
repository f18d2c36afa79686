"""Progress of a scan on stderr: a line per finished stage, a spinner for the running one."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from attnprobe.commands.terminal.failure import visible
from attnprobe.commands.terminal.session import Session

if TYPE_CHECKING:
    from rich.status import Status

_NOT_DONE = ("skipped", "failed", "not ")
_STAGE_WIDTH = 26


class ProgressLines:
    """Called as `progress(stage, state, seconds)`; a context, so that no spinner outlives an error."""

    def __init__(self, session: Session) -> None:
        self._quiet = session.quiet
        self._console = session.console()
        self._is_live = self._console.is_terminal and not self._console.is_dumb_terminal and not session.quiet
        self._done, self._other = ("✓", "!") if self._can_print("✓") else ("*", "!")
        self._status: Status | None = None

    def __enter__(self) -> ProgressLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def __call__(self, stage: str, state: str, seconds: float | None) -> None:
        """A stage starts (state "start"), or is done (state is what came out of it)."""
        if self._quiet:
            return
        self._stop()
        if state != "start":
            self._print(stage, state, seconds)
        elif self._is_live:
            from rich.text import Text

            self._status = self._console.status(Text(visible(stage)))
            self._status.start()

    def _print(self, stage: str, outcome: str, seconds: float | None) -> None:
        from rich.text import Text

        is_done = not outcome.lower().startswith(_NOT_DONE)
        mark = (self._done, "green") if is_done else (self._other, "yellow")
        took = "" if seconds is None else f"{seconds:.1f} s"
        text = Text.assemble(
            "  ", mark, f" {visible(stage):<{_STAGE_WIDTH}} {took:>8}   {visible(outcome)}".rstrip()
        )
        self._console.print(text, soft_wrap=not self._is_live)

    def _stop(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _can_print(self, text: str) -> bool:
        try:
            text.encode(self._console.encoding)
        except (LookupError, UnicodeEncodeError):
            return False
        return True
