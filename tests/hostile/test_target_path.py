"""Targets whose path is the trouble: odd names, folders, pipes, loops, huge files."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.hostile.misbehaving import model_source
from tests.hostile.scanning import OUTPUTS, QUICK, Run, attnprobe

NAMES = [
    "with space $(touch x) `touch x`; rm *.py",
    "注意力😀.py",
    "new\nline\x1b[31m\u202e.py",
    "[bold]x[b] {{7*7}}<script> %s{0.__class__}.py",
    "x" * 252 + ".py",
    "not-utf8-\udcff.py",
]


def _scan(folder: Path, target: str) -> Run:
    return attnprobe(folder, "scan", *QUICK, "--timeout", "60", "--", target)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_strange_file_name_is_scanned_and_shown_harmlessly(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(model_source())
    run = _scan(tmp_path, name)
    assert run.exit_code == 0, run.stderr
    run.assert_clean()
    assert run.files == OUTPUTS


def test_a_name_with_a_leading_dash_is_scanned_after_two_dashes(tmp_path: Path) -> None:
    (tmp_path / "-model.py").write_text(model_source())
    assert _scan(tmp_path, "-model.py").exit_code == 0


def test_a_path_with_dots_is_scanned(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(model_source())
    (tmp_path / "below").mkdir()
    run = attnprobe(tmp_path / "below", "scan", "../model.py", *QUICK)
    assert run.exit_code == 0, run.stderr
    assert run.files == OUTPUTS


@pytest.mark.parametrize(
    "source", ["\ufeff" + model_source(), model_source().replace("\n", "\r\n")], ids=["BOM", "CRLF"]
)
def test_another_editors_files_are_scanned(source: str, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_bytes(source.encode())
    run = _scan(tmp_path, "model.py")
    assert run.exit_code == 0, run.stderr


def _folder(path: Path) -> None:
    path.mkdir()


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _loop(path: Path) -> None:
    path.symlink_to(path)


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere.py")


def _two_gigabytes(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(2 * 2**30)


def _empty(path: Path) -> None:
    path.touch()


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(os.path.relpath(path))


def _nothing(path: Path) -> None:
    assert not path.exists()


@pytest.mark.parametrize(
    "make", [_folder, _pipe, _loop, _dangling, _two_gigabytes, _empty, _socket, _nothing]
)
def test_a_target_that_is_no_source_file_is_one_line(
    make: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert callable(make)
    make(tmp_path / "model.py")
    run = _scan(tmp_path, "model.py")
    assert run.exit_code in (2, 3), run.stderr
    run.assert_clean()
    assert "model.py" in run.error_lines[0]
    assert run.seconds < 20
    assert not run.files


def test_an_endless_device_is_no_source_file(tmp_path: Path) -> None:
    run = _scan(tmp_path, "/dev/zero")
    assert run.exit_code in (2, 3), run.stderr
    run.assert_clean()
    assert run.seconds < 20
