from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands.running import Ran

Attnprobe = Callable[..., Ran]


def test_a_saved_scan_becomes_a_page(attnprobe: Attnprobe, saved_scan: Path) -> None:
    ran = attnprobe("render", "scan.json", "--output", "html=page.html", "--output", "json=again.json")
    assert ran.exit_code == 0, ran.stderr
    assert (saved_scan.parent / "page.html").read_text().startswith("<!doctype html>")
    assert (saved_scan.parent / "again.json").read_bytes() == saved_scan.read_bytes()


def test_a_scan_is_read_from_stdin_and_written_to_stdout(saved_scan: Path) -> None:
    command = [sys.executable, "-m", "attnprobe", "render", "-", "-o", "json=-"]
    done = subprocess.run(command, input=saved_scan.read_bytes(), capture_output=True, check=True)
    assert done.stdout == saved_scan.read_bytes()
    assert done.stderr == b""


def test_the_page_is_written_in_chinese(attnprobe: Attnprobe, saved_scan: Path) -> None:
    assert attnprobe("render", "scan.json", "-o", "html=page.html", "--lang", "zh").exit_code == 0
    assert 'lang="zh' in (saved_scan.parent / "page.html").read_text(encoding="utf-8")


def _newer(scan: dict[str, object]) -> None:
    scan["schema"] = 99


def _unknown_key(scan: dict[str, object]) -> None:
    scan["surprise"] = 1


def _not_a_number(scan: dict[str, object]) -> None:
    scan["totals"] = {"flops_forward": float("nan")}


@pytest.mark.parametrize("spoil", [_newer, _unknown_key, _not_a_number])
def test_a_scan_that_is_not_ours_is_one_line(
    spoil: Callable[[dict[str, object]], None], attnprobe: Attnprobe, saved_scan: Path
) -> None:
    scan = json.loads(saved_scan.read_text())
    spoil(scan)
    saved_scan.write_text(json.dumps(scan))
    ran = attnprobe("render", "scan.json", "-o", "html=page.html")
    assert ran.exit_code == 2
    assert ran.stderr.startswith("error[E-SCAN-FILE] ")
    assert not (saved_scan.parent / "page.html").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"<html>",
        b"null",
        b"[" * 10**5,
        b"\x80\xff",
        b'{"schema": 1}',
        b"<<<<<<< HEAD\n",
        b"\0" * 100,
    ],
    ids=["empty", "cut", "page", "null", "deep", "binary", "bare", "conflict", "zeros"],
)
def test_a_file_that_holds_no_scan_is_one_line(content: bytes, attnprobe: Attnprobe, tmp_path: Path) -> None:
    (tmp_path / "scan.json").write_bytes(content)
    ran = attnprobe("render", "scan.json", "-o", "html=page.html")
    assert ran.exit_code == 2
    assert ran.stderr.startswith("error[E-SCAN-FILE] ")


def test_a_huge_file_is_not_read(attnprobe: Attnprobe, tmp_path: Path) -> None:
    with open(tmp_path / "scan.json", "wb") as file:
        file.truncate(2**31)
    assert "larger than" in attnprobe("render", "scan.json", "-o", "html=page.html").stderr


@pytest.mark.parametrize("name", ["missing.json", ".", "/dev/zero"])
def test_what_is_no_file_is_one_line(name: str, attnprobe: Attnprobe) -> None:
    ran = attnprobe("render", name, "-o", "html=page.html")
    assert ran.exit_code == 2
    assert ran.stderr.startswith("error[E-SCAN-FILE] ")
