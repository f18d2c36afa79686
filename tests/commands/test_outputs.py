"""`--output`: refused before any work when it cannot be written, and written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from attnprobe.commands.outputs.requested import Output, check_outputs, parse_outputs
from attnprobe.commands.outputs.written import write_outputs
from attnprobe.errors import UsageError
from tests.commands.running import Ran

Attnprobe = Callable[..., Ran]


def test_format_and_path_are_split_at_the_first_equals_sign() -> None:
    assert parse_outputs(["html=a=b.html", "json=-"], ["html", "json"]) == (
        Output("html", Path("a=b.html")),
        Output("json", None),
    )


@pytest.mark.parametrize("value", ["", "html", "html=", "=x", "htlm=x", "html=a\0b"])
def test_what_is_no_output_is_an_error_of_usage(value: str) -> None:
    with pytest.raises(UsageError):
        parse_outputs([value], ["html", "json"])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/dev/full", "not a regular file"),
        ("/dev/null", "not a regular file"),
        ("pipe", "not a regular file"),
        ("link", "symbolic link"),
        ("dangling", "symbolic link"),
        ("loop", "symbolic link"),
        ("folder", "is a folder"),
        ("missing/report.html", "does not exist"),
        ("file/report.html", "Not a directory|does not exist"),
        ("x" * 300, "File name too long"),
        ("/proc/report.html", "nothing can be written"),
    ],
)
def test_a_place_that_cannot_be_written_is_one_line(path: str, said: str, folder: Path) -> None:
    before = set(os.listdir(folder))
    with pytest.raises(UsageError, match=said) as caught:
        check_outputs([Output("html", Path(path))])
    assert "\n" not in caught.value.message
    assert set(os.listdir(folder)) == before


@pytest.mark.parametrize("other", ["new", "./new", "folder/../new"])
def test_two_outputs_of_one_file_are_refused(other: str, folder: Path) -> None:
    with pytest.raises(UsageError, match="named twice"):
        check_outputs([Output("html", Path("new")), Output("json", Path(other))])


def test_two_outputs_on_stdout_are_refused() -> None:
    with pytest.raises(UsageError, match="named twice"):
        check_outputs([Output("html", None), Output("json", None)])


def test_what_is_read_is_not_overwritten(folder: Path) -> None:
    with pytest.raises(UsageError, match="is read by this command"):
        check_outputs([Output("html", Path("folder/../file"))], sources=["file"])


def test_the_model_itself_is_not_overwritten(folder: Path, attnprobe: Attnprobe) -> None:
    (folder / "model.py").write_text("model = 1\n")
    assert "is read by this command" in attnprobe("scan", "model.py:GPT", "-o", "html=model.py").stderr


def test_a_file_is_replaced_and_keeps_its_mode(folder: Path) -> None:
    (folder / "file").chmod(0o640)
    write_outputs({Output("html", Path("file")): b"new"})
    assert (folder / "file").read_bytes() == b"new"
    assert (folder / "file").stat().st_mode & 0o777 == 0o640


def test_a_new_file_has_the_mode_that_the_umask_says(folder: Path) -> None:
    before = os.umask(0o027)
    try:
        write_outputs({Output("html", Path("new")): b"new"})
    finally:
        os.umask(before)
    assert (folder / "new").stat().st_mode & 0o777 == 0o640


def test_nothing_is_written_when_the_last_output_fails(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fchmod", _full_at_second_call())
    before = set(os.listdir(folder))
    with pytest.raises(UsageError, match="No space left"):
        write_outputs({Output("html", Path("file")): b"new", Output("json", Path("other")): b"{}"})
    assert (folder / "file").read_text() == "old"
    assert set(os.listdir(folder)) == before


def _full_at_second_call() -> Callable[[int, int], None]:
    calls: list[int] = []

    def fail(descriptor: int, mode: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")

    return fail


def test_a_disk_that_is_really_full_is_one_line(attnprobe: Attnprobe, saved_scan: Path) -> None:
    import subprocess
    import sys

    command = [sys.executable, "-m", "attnprobe", "render", str(saved_scan), "-o", "json=-"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error[E-USAGE] stdout cannot be written: No space left on device")
