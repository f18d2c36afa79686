"""How errors and progress look: on a pipe, on a terminal, with hostile text in them."""

from __future__ import annotations

import io
import sys

import click
import pytest

from attnprobe.commands.terminal.failure import report_failure, visible
from attnprobe.commands.terminal.progress_lines import ProgressLines
from attnprobe.commands.terminal.session import Session
from attnprobe.errors import ModelError, ShapeError, UsageError


def test_an_error_is_message_location_hint_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    error = ModelError("it broke", hint="Mend it.\nStop.", location="model.py:3")
    assert report_failure(error, Session()) == 3
    assert capsys.readouterr().err == (
        "error[E-MODEL] it broke   model.py:3\n  Mend it.\n  Stop.\n  (exit 3 · attnprobe explain E-MODEL)\n"
    )


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (UsageError("x"), 2),
        (click.BadParameter("x"), 2),
        (ShapeError("x"), 3),
        (RuntimeError("x"), 4),
        (RecursionError(), 4),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_every_error_has_its_exit_code(
    error: Exception, exit_code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report_failure(error, Session()) == exit_code
    assert f"(exit {exit_code} " in capsys.readouterr().err


def test_a_traceback_is_shown_with_debug_only(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ModelError("it broke")
    except ModelError as raised:
        raised.add_note("the child's traceback\n::error::fake")
        for session in (Session(), Session(debug=True)):
            report_failure(raised, session)
    quiet, _, loud = capsys.readouterr().err.partition("| Traceback")
    assert quiet.startswith("error[E-MODEL]")
    assert "| the child's traceback\n| ::error::fake\n" in loud


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\r\nb", "a\\x0d\\x0ab"),
        ("\u202eabc", "\\u202eabc"),
        ("\udcff", "\\udcff"),
        ("##[error]x ##vso[task]", "#\\x23[error]x #\\x23vso[task]"),
        ("layers[mod] [/] [bold]", "layers[mod] [/] [bold]"),
        ("注意力 😀", "注意力 😀"),
    ],
)
def test_text_of_others_is_one_harmless_line(text: str, shown: str) -> None:
    assert visible(text) == shown


class _Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"


def _progress(session: Session) -> None:
    with ProgressLines(session) as progress:
        progress("load", "start", None)
        progress("load", "model.py:GPT() [bold]\x1b[31m", 0.25)
        progress("timing", "failed: no clock", 1.0)


def test_progress_on_a_pipe_is_a_plain_line_per_finished_stage(capsys: pytest.CaptureFixture[str]) -> None:
    _progress(Session())
    assert capsys.readouterr().err == (
        "  ✓ load                      0.2 s   model.py:GPT() [bold]\\x1b[31m\n"
        "  ! timing                    1.0 s   failed: no clock\n"
    )


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    _progress(Session(quiet=True))
    assert capsys.readouterr().err == ""


def test_a_terminal_shows_the_running_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal)
    _progress(Session())
    said = terminal.getvalue()
    assert "\x1b[?25l" in said  # the cursor is hidden …
    assert "\x1b[?25h" in said  # … and comes back
    assert "model.py:GPT() [bold]\\x1b[31m" in said
    assert "\x1b[31m" not in said


def test_a_dumb_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(sys, "stderr", terminal)
    _progress(Session())
    assert "\x1b" not in terminal.getvalue()


@pytest.mark.parametrize(("color", "is_coloured"), [(True, True), (False, False), (None, False)])
def test_color_is_as_asked(
    color: bool | None, is_coloured: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    report_failure(UsageError("x"), Session(color=color))
    assert ("\x1b[" in capsys.readouterr().err) == is_coloured


def test_quick_steps_share_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressLines(Session()) as progress:
        for number in range(6):
            progress(f"probe{number}", "1 numbers", 0.01)
        progress("slow", "2 numbers", 1.0)
        progress("probe6", "failed: no clock", 0.01)
    first, second, third = capsys.readouterr().err.splitlines()
    assert "6 quick steps" in first
    assert "probe0, probe1, probe2, probe3, …" in first
    assert "slow" in second
    assert "probe6" in third
