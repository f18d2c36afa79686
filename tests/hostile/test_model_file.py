"""Model files that hang, crash, lie, hoard or vanish: each ends in one clear line and no partial file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.hostile import misbehaving as do
from tests.hostile.misbehaving import model_source, raising
from tests.hostile.scanning import OUTPUTS, attnprobe, scan_model

ENDED = {
    "os._exit at import": (model_source(at_import=do.EXIT), "exit code 0"),
    "os._exit in forward": (model_source(at_forward="import os\nos._exit(7)"), "exit code 7"),
    "sys.exit at import": (model_source(at_import="import sys\nsys.exit(0)"), "exit"),
    "SystemExit in forward": (model_source(at_forward="raise SystemExit(0)"), "exit"),
    "KeyboardInterrupt at import": (model_source(at_import="raise KeyboardInterrupt"), "KeyboardInterrupt"),
    "segmentation fault": (model_source(at_import=do.SEGFAULT), "SIGSEGV"),
    "abort": (model_source(at_import="import os\nos.abort()"), "SIGABRT"),
    "fake result, then exit": (model_source(at_import=do.FAKE_RESULT + do.EXIT), "exit code 0"),
    "closes all descriptors": (model_source(at_forward=do.CLOSE_ALL), "no result"),
    "writes into every descriptor": (model_source(at_import=do.WRITE_EVERYWHERE), "damaged"),
    "allocates 64 GB": (model_source(at_import="torch.zeros(16 * 2**30)"), "out of memory"),
    "endless recursion": (model_source(at_forward="def deep(): deep()\ndeep()"), "RecursionError"),
    "recursion of 10^5 with a raised limit": (model_source(at_import=do.DEEP_RECURSION), "SIGSEGV"),
    "error that cannot be printed": (model_source(at_import=raising("raise RuntimeError('no')")), "Nasty"),
    "error of 10 MB": (model_source(at_import=raising("return 'x' * 10**7")), "Nasty"),
    "error with hostile characters": (
        model_source(at_import=raising(r"return '\udcff\x1b[31m\u202e'")),
        "Nasty",
    ),
    "error of many lines": (model_source(at_import=raising(r"return '\n::error::fake\n' * 50")), "Nasty"),
    "error whose text is no string": (model_source(at_import=raising("return 3")), "Nasty"),
    "network at import": (model_source(at_import=do.CONNECT), "Error"),
    "syntax error": ("def build_model(:\n", "SyntaxError"),
    "null byte": ("x = 1\0\n", "null"),
}

HANGS = {
    "at import": model_source(at_import=do.LOOP),
    "in the constructor, in a lock": model_source(at_build=do.DEADLOCK),
    "in forward, deaf to SIGTERM": model_source(at_forward=do.DEAF_LOOP),
}

MESSES = {
    "prints 1 GB": model_source(at_import=do.PRINT_1_GB),
    "changes and replaces what it can": model_source(
        at_import=do.CHANGE_PROCESS + do.REPLACE_JSON_AND_TIME + "torch.set_default_dtype(torch.float64)\n",
        at_forward=do.FAKE_RESULT,
    ),
    "does not end, writes into the output folder": model_source(
        at_import=do.LEAVE_THREAD + do.HANG_AT_EXIT, at_forward=do.WRITE_OUTPUTS
    ),
    "allocates 64 GB in a constructor that a static scan fakes": model_source(
        at_build="self.register_buffer('table', torch.zeros(16 * 2**30))"
    ),
    "forks": model_source(at_import="import os\nos.fork()"),
}


@pytest.mark.parametrize("name", ENDED)
def test_a_model_that_breaks_ends_the_scan_with_one_line(name: str, tmp_path: Path) -> None:
    source, said = ENDED[name]
    run = scan_model(tmp_path, source, "--timeout", "60")
    assert run.exit_code == 3, run.stderr
    run.assert_clean()
    assert said in run.stderr
    assert len(run.stderr.splitlines()) < 20
    assert max(map(len, run.stderr.splitlines())) < 1500
    assert not run.files


@pytest.mark.parametrize("name", HANGS)
def test_a_model_that_hangs_is_ended_and_its_line_is_named(name: str, tmp_path: Path) -> None:
    run = scan_model(tmp_path, HANGS[name], "--timeout", "8")
    assert run.exit_code == 3, run.stderr
    run.assert_clean()
    assert "not done after 8 s" in run.stderr
    assert "model.py:" in run.error_lines[0]
    assert run.seconds < 8 + 2 + 6  # the limit, the grace after SIGTERM, start and end on a busy machine
    assert not run.files


@pytest.mark.parametrize("name", MESSES)
def test_a_model_that_only_makes_a_mess_is_scanned(name: str, tmp_path: Path) -> None:
    run = scan_model(tmp_path, MESSES[name])
    assert run.exit_code == 0, run.stderr
    run.assert_clean()
    assert run.files == OUTPUTS
    assert b'"schema"' in (tmp_path / "attnprobe-scan.json").read_bytes()
    assert (tmp_path / "attnprobe-report.html").read_bytes() != b"mine"
    assert (tmp_path / "attnprobe-scan.json").stat().st_mode & 0o777 == 0o644
    assert "fake" not in run.stdout + run.stderr


def test_hostile_names_in_a_model_are_scanned_and_shown_as_escapes(tmp_path: Path) -> None:
    run = scan_model(tmp_path, do.HOSTILE_NAMES)
    assert run.exit_code == 0, run.stderr
    run.assert_clean()
    assert r"\x1b]0;title\x07\x0d" in run.stdout
    assert r"\u202e\u200b\u2028\udcff" in run.stdout
    assert "[bold][/]" in run.stdout
    assert max(map(len, run.stdout.splitlines())) < 400
    assert b"<script>alert" not in (tmp_path / "attnprobe-report.html").read_bytes()


def test_a_replaced_module_call_breaks_the_scan_or_nothing(tmp_path: Path) -> None:
    source = model_source(at_import="nn.Module.__call__ = lambda self, *a, **k: self.forward(*a, **k)")
    run = scan_model(tmp_path, source)
    assert run.exit_code in (0, 3), run.stderr
    run.assert_clean()
    assert run.files == (OUTPUTS if run.exit_code == 0 else set())


@pytest.mark.parametrize("end", ["", do.EXIT], ids=["then is scanned", "then exits"])
def test_a_daemon_that_the_model_started_does_not_survive(end: str, tmp_path: Path) -> None:
    run = scan_model(tmp_path, model_source(at_import=do.DAEMON + end))
    assert run.exit_code == (3 if end else 0), run.stderr
    run.assert_clean()
    assert not psutil.pid_exists(int((tmp_path / "daemon.pid").read_text()))


@pytest.mark.parametrize("hoard", [do.HOARD, do.HOARD_IN_CHILDREN], ids=["small pieces", "in children"])
def test_the_memory_limit_counts_everything_that_the_model_holds(hoard: str, tmp_path: Path) -> None:
    run = scan_model(tmp_path, model_source(at_import=hoard), "--memory-limit", "1500M", "--timeout", "60")
    assert run.exit_code == 3, run.stderr
    run.assert_clean()
    assert "out of memory" in run.stderr
    assert run.seconds < 40
    assert not run.files


def test_files_named_like_modules_do_not_stand_in_for_them(tmp_path: Path) -> None:
    for module in ("json", "random", "types", "torch", "click", "rich", "attnprobe"):
        (tmp_path / f"{module}.py").write_text("raise RuntimeError('the wrong module')\n")
    run = scan_model(tmp_path, model_source())
    assert run.exit_code == 0, run.stderr


def test_python_m_does_not_take_a_module_of_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise RuntimeError('the wrong module')\n")
    run = subprocess.run([sys.executable, "-m", "attnprobe", "schema"], cwd=tmp_path, capture_output=True)
    assert run.returncode == 0, run.stderr


def test_a_source_that_is_not_utf8_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "latin.py").write_bytes("name = 'caf\xe9'\n".encode("latin-1") + model_source().encode())
    run = attnprobe(tmp_path, "scan", "latin.py", "--static")
    assert run.exit_code == 3, run.stderr
    run.assert_clean()
