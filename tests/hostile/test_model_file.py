"""Model files that hang, crash, lie, hoard or vanish: each ends in one clear line and no partial file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.hostile.scanning import OUTPUTS, attnprobe, model_source, scan_model

_LOOP = "while True: pass\n"
_DEAF = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + _LOOP
_SEGFAULT = "import ctypes\nctypes.string_at(0)\n"
_FAKE_RESULT = 'print(\'{"schema": 1, "sites": []}\', flush=True)\nprint("::error::fake", flush=True)\n'
_FAKE_RESULT += (
    'print("::set-output name=x::y", flush=True)\nimport sys\nprint("##[error]fake", file=sys.stderr)\n'
)
_CLOSE_ALL = "import os\nos.closerange(0, 4096)\n"
_WRITE_EVERYWHERE = """
import os
for number in range(3, 64):
    try:
        os.write(number, b"APW1" + b"x" * 5000)
    except OSError:
        pass
"""
_DEEP = """
import sys
sys.setrecursionlimit(10**6)
def deep(depth):
    return depth and sorted([0], key=lambda _: deep(depth - 1))
deep(10**5)
"""
_ERROR = "class Nasty(Exception):\n    def __str__(self):\n        {body}\nraise Nasty()\n"

ENDED = {
    "os._exit at import": (model_source(at_import="import os\nos._exit(0)"), "exit code 0"),
    "os._exit in forward": (model_source(at_forward="import os\nos._exit(7)"), "exit code 7"),
    "sys.exit at import": (model_source(at_import="import sys\nsys.exit(0)"), "exit"),
    "SystemExit in forward": (model_source(at_forward="raise SystemExit(0)"), "exit"),
    "KeyboardInterrupt in forward": (model_source(at_forward="raise KeyboardInterrupt"), "KeyboardInterrupt"),
    "segmentation fault": (model_source(at_forward=_SEGFAULT), "SIGSEGV"),
    "abort": (model_source(at_build="import os\nos.abort()"), "SIGABRT"),
    "fake result, then exit": (model_source(at_import=_FAKE_RESULT + "import os\nos._exit(0)"), "exit code 0"),
    "closes all descriptors": (model_source(at_forward=_CLOSE_ALL), "no result"),
    "writes into every descriptor": (model_source(at_import=_WRITE_EVERYWHERE), "damaged"),
    "allocates 64 GB": (model_source(at_build="torch.zeros(16 * 2**30).add_(1)"), "out of memory"),
    "endless recursion": (model_source(at_forward="def deep(): deep()\ndeep()"), "RecursionError"),
    "recursion of 10^5 with a raised limit": (model_source(at_forward=_DEEP), "SIGSEGV"),
    "error that cannot be printed": (model_source(at_build=_ERROR.format(body="raise RuntimeError('no')")), "Nasty"),
    "error of 10 MB": (model_source(at_build=_ERROR.format(body="return 'x' * 10**7")), "Nasty"),
    "error with lone surrogates": (model_source(at_build=_ERROR.format(body="return '\\udcff\\x1b[31m\\u202e'")), "Nasty"),
    "error of many lines": (model_source(at_build=_ERROR.format(body="return '\\n::error::fake\\n' * 50")), "Nasty"),
    "error whose text is no string": (model_source(at_build=_ERROR.format(body="return 3")), "Nasty"),
    "network at import": (
        model_source(at_import="import socket\nsocket.create_connection(('192.0.2.1', 80), timeout=0.2)"),
        "Error",
    ),
    "syntax error": ("def build_model(:\n", "SyntaxError"),
    "null byte": ("x = 1\0\n", "null"),
}  # fmt: skip


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


HANGS = {
    "import": model_source(at_import=_LOOP),
    "build": model_source(at_build=_LOOP),
    "forward": model_source(at_forward=_LOOP),
    "deaf to SIGTERM": model_source(at_import=_DEAF),
    "hangs at exit": model_source(at_import="import os, time, atexit\n" + _LOOP),
    "sleeps in a lock": model_source(at_import="import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()"),
}  # fmt: skip


@pytest.mark.parametrize("name", HANGS)
def test_a_model_that_hangs_is_ended_and_its_line_is_named(name: str, tmp_path: Path) -> None:
    run = scan_model(tmp_path, HANGS[name], "--timeout", "5")
    assert run.exit_code == 3, run.stderr
    run.assert_clean()
    assert "not done after 5 s" in run.stderr
    assert "model.py:" in run.error_lines[0]
    assert run.seconds < 5 + 2 + 3  # the limit, the grace after SIGTERM, start and end
    assert not run.files


@pytest.mark.parametrize("exits", [True, False], ids=["then exits", "then is scanned"])
def test_a_daemon_that_the_model_started_does_not_survive(exits: bool, tmp_path: Path) -> None:
    daemon = f"""
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open({str(tmp_path / "daemon.pid")!r}, "w").write(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
while not os.path.exists({str(tmp_path / "daemon.pid")!r}) or not open({str(tmp_path / "daemon.pid")!r}).read():
    time.sleep(0.01)
"""
    run = scan_model(tmp_path, model_source(at_import=daemon + ("os._exit(0)" if exits else "")))
    assert run.exit_code == (3 if exits else 0), run.stderr
    run.assert_clean()
    assert not psutil.pid_exists(int((tmp_path / "daemon.pid").read_text()))


def test_a_fork_of_the_model_gives_no_second_answer(tmp_path: Path) -> None:
    run = scan_model(tmp_path, model_source(at_import="import os\nos.fork()"))
    assert run.exit_code == 0, run.stderr
    assert run.files == OUTPUTS


HARMLESS = {
    "prints 1 GB": model_source(at_import="import os\nfor _ in range(1024): os.write(1, b'x' * 2**20)"),
    "prints a fake result": model_source(at_forward=_FAKE_RESULT),
    "changes the process": model_source(
        at_import="import os, sys, locale, random\nos.chdir('/')\nsys.path.clear()\nos.umask(0o777)\nrandom.seed(7)\n"
        "locale.setlocale(locale.LC_ALL, 'C')\ntorch.manual_seed(3)\nos.environ.clear()",
    ),
    "changes torch's defaults": model_source(at_import="torch.set_default_dtype(torch.float64)"),
    "replaces json and time": model_source(
        at_import="import json, time\njson.dumps = json.loads = None\ntime.time = time.perf_counter = lambda: 0.0"
    ),
    "writes into the output folder": model_source(
        at_forward="open('attnprobe-report.html', 'w').write('mine')\nopen('attnprobe-scan.json', 'w').write('mine')"
    ),
    "leaves a thread running": model_source(at_import="import threading\nthreading.Thread(target=threading.Event().wait).start()"),
    "hangs in an exit handler": model_source(at_import="import atexit, time\natexit.register(time.sleep, 600)"),
}  # fmt: skip


@pytest.mark.parametrize("name", HARMLESS)
def test_a_model_that_only_makes_a_mess_is_scanned(name: str, tmp_path: Path) -> None:
    run = scan_model(tmp_path, HARMLESS[name])
    assert run.exit_code == 0, run.stderr
    run.assert_clean()
    assert run.files == OUTPUTS
    assert b'"schema"' in (tmp_path / "attnprobe-scan.json").read_bytes()
    assert b"mine" != (tmp_path / "attnprobe-report.html").read_bytes()
    assert (tmp_path / "attnprobe-scan.json").stat().st_mode & 0o777 == 0o644
    assert "fake" not in run.stdout + run.stderr


def test_a_replaced_module_call_breaks_the_scan_or_nothing(tmp_path: Path) -> None:
    run = scan_model(
        tmp_path, model_source(at_import="nn.Module.__call__ = lambda self, *a, **k: self.forward(*a, **k)")
    )
    assert run.exit_code in (0, 3), run.stderr
    run.assert_clean()
    assert run.files == (OUTPUTS if run.exit_code == 0 else set())


@pytest.mark.parametrize("module", ["json", "random", "time", "types", "torch", "click", "attnprobe"])
def test_a_file_named_like_a_module_does_not_stand_in_for_it(module: str, tmp_path: Path) -> None:
    (tmp_path / f"{module}.py").write_text("raise RuntimeError('the wrong module')\n")
    run = scan_model(tmp_path, model_source())
    assert run.exit_code == 0, run.stderr


def test_the_memory_watchdog_counts_small_pieces(tmp_path: Path) -> None:
    hoard = "pieces = []\nwhile True: pieces.append(bytearray(b'x') * 2**20)"
    run = scan_model(tmp_path, model_source(at_import=hoard), "--memory-limit", "1G", "--timeout", "30")
    assert run.exit_code == 3, run.stderr
    assert "out of memory" in run.stderr
    run.assert_clean()


def test_memory_of_the_models_children_counts(tmp_path: Path) -> None:
    hoard = "import os, time\nfor _ in range(2):\n    if os.fork() == 0:\n        pieces = b'x' * 2**30\n"
    hoard += "        time.sleep(60)\ntime.sleep(60)"
    run = scan_model(tmp_path, model_source(at_import=hoard), "--memory-limit", "1500M", "--timeout", "30")
    assert run.exit_code == 3, run.stderr
    assert "out of memory" in run.stderr
    assert run.seconds < 20
    run.assert_clean()


def test_python_m_does_not_take_a_module_of_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise RuntimeError('the wrong module')\n")
    run = subprocess.run([sys.executable, "-m", "attnprobe", "schema"], cwd=tmp_path, capture_output=True)
    assert run.returncode == 0, run.stderr


def test_a_source_that_is_not_utf8_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "latin.py").write_bytes("name = 'caf\xe9'\n".encode("latin-1") + model_source().encode())
    run = attnprobe(tmp_path, "scan", "latin.py", "--static")
    assert run.exit_code == 3, run.stderr
    run.assert_clean()
