"""Progress of a scan on stderr: a line per finished stage, on a terminal a spinner for the running one."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING

from attnprobe.commands.terminal.failure import visible
from attnprobe.commands.terminal.session import Session

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

_NOT_DONE = ("skipped", "failed", "not ")
_STAGE_WIDTH = 22
_QUICK_SECONDS = 0.05  # steps that take less share a line
_NAMED = 4  # of them by name


class ProgressLines:
    """Called as `progress(stage, state, seconds)`; a context, so that no spinner outlives an error.

    Where the summary, which lists the stages again, follows on the same terminal, the lines give way to it.
    """

    def __init__(self, session: Session) -> None:
        self._quiet = session.quiet
        self._console = session.console()
        self._gives_way = sys.stdout.isatty()
        self._is_rich = self._can_print("✓⠋")
        self._lines: list[Text] = []
        self._quick: list[tuple[str, str, float]] = []
        self._live: Live | None = None

    def __enter__(self) -> ProgressLines:
        from rich.live import Live

        if sys.stderr.isatty() and not self._console.is_dumb_terminal and not self._quiet:
            self._live = Live(console=self._console, refresh_per_second=10)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._add_quick()
        if self._live is not None:
            self._show("")
            self._live.transient = error is None and self._gives_way
            self._live.stop()

    def __call__(self, stage: str, state: str, seconds: float | None) -> None:
        """A stage starts (state "start"), or is done (state is what came out of it)."""
        if self._quiet:
            return
        if state != "start" and seconds is not None and seconds < _QUICK_SECONDS and _is_done(state):
            self._quick.append((stage, state, seconds))
        elif state != "start":
            self._add_quick()
            self._add(stage, state, seconds)
        if self._live is not None:
            self._show(stage if state == "start" else "")

    def _add_quick(self) -> None:
        """One line for the quick steps since the last line."""
        quick, self._quick = self._quick, []
        if len(quick) > 1:
            names = [stage for stage, _, _ in quick[:_NAMED]] + (["…"] if len(quick) > _NAMED else [])
            self._add(f"{len(quick)} quick steps", ", ".join(names), sum(took for _, _, took in quick))
        elif quick:
            self._add(*quick[0])

    def _add(self, stage: str, outcome: str, seconds: float | None) -> None:
        self._lines.append(self._line(stage, outcome, seconds))
        if self._live is None and not self._quiet:
            self._console.print(self._lines[-1], soft_wrap=True)

    def _show(self, running: str) -> None:
        """Everything done so far, and the running stage if there is one."""
        from rich.console import Group
        from rich.spinner import Spinner
        from rich.text import Text

        assert self._live is not None
        spinner = Spinner("dots" if self._is_rich else "line", Text(visible(running)), style="cyan")
        self._live.update(Group(*self._lines, *([spinner] if running else [])))

    def _line(self, stage: str, outcome: str, seconds: float | None) -> Text:
        from rich.text import Text

        done = "✓" if self._is_rich else "*"
        mark = (done, "green") if _is_done(outcome) else ("!", "yellow")
        took = "" if seconds is None else f"{seconds:.1f} s"
        return Text.assemble(
            "  ", mark, f" {visible(stage):<{_STAGE_WIDTH}} {took:>8}   {visible(outcome)}".rstrip()
        )

    def _can_print(self, text: str) -> bool:
        try:
            text.encode(self._console.encoding)
        except (LookupError, UnicodeEncodeError):
            return False
        return True


def _is_done(outcome: str) -> bool:
    return not outcome.lower().startswith(_NOT_DONE)
