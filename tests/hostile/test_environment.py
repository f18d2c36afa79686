"""Odd surroundings: secrets in the environment, no HOME, ASCII terminals, Ctrl-C, read-only folders."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.hostile import misbehaving as do
from tests.hostile.misbehaving import model_source
from tests.hostile.scanning import OUTPUTS, attnprobe, scan_model

CANARY = "canary-9f2c"
SECRETS = (
    *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GITHUB_TOKEN", "GH_TOKEN", "HF_TOKEN", "WANDB_API_KEY"),
    *(
        "HUGGING_FACE_HUB_TOKEN",
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "NPM_TOKEN",
        "PYPI_TOKEN",
        "DATABASE_URL",
    ),
    *(
        "SSH_AUTH_SOCK",
        "AZURE_CLIENT_SECRET",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "DOCKER_PASSWORD",
        "http_proxy",
    ),
    *("TORCH_SECRET_TOKEN", "CUDA_LICENSE_KEY", "MY_COMPANY_PASSWORD"),
)
TELL_ALL = "import os, sys\nprint(dict(os.environ))\nprint(dict(os.environ), file=sys.stderr)\n"


@pytest.mark.parametrize("end", ["", "raise RuntimeError(repr(dict(os.environ)))"], ids=["works", "fails"])
def test_no_secret_of_the_environment_reaches_an_output(end: str, tmp_path: Path) -> None:
    environ = {**os.environ, **{name: f"{CANARY}-{name}" for name in SECRETS}}
    run = scan_model(tmp_path, model_source(at_forward=TELL_ALL + end), "--debug", environ=environ)
    assert run.exit_code == (3 if end else 0), run.stderr
    assert "PATH" in run.stderr  # --debug does show what the model printed
    assert CANARY not in run.stdout + run.stderr
    assert not [path for path in tmp_path.iterdir() if CANARY.encode() in path.read_bytes()]


def test_a_variable_is_seen_only_when_let_through_by_name(tmp_path: Path) -> None:
    source = model_source(at_import="import os\nassert os.environ.get('WIDTH') == '8', 'no WIDTH'\n")
    environ = {**os.environ, "WIDTH": "8"}
    assert scan_model(tmp_path, source, "--env", "WIDTH", environ=environ).exit_code == 0
    assert "no WIDTH" in scan_model(tmp_path, source, environ=environ).stderr


def test_the_model_is_told_not_to_download_and_the_outputs_name_no_machine(tmp_path: Path) -> None:
    run = scan_model(
        tmp_path, model_source(at_import="import os\nassert os.environ['HF_HUB_OFFLINE'] == '1'\n")
    )
    assert run.exit_code == 0, run.stderr
    written = b"".join((tmp_path / name).read_bytes() for name in OUTPUTS).decode()
    for private in (str(tmp_path), os.path.expanduser("~") + "/", os.uname().nodename + "."):
        assert private not in written


SURROUNDINGS = {
    "C locale, ASCII streams": {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
    "C locale without UTF-8 mode, strict": {
        "LC_ALL": "C",
        "PYTHONIOENCODING": "ascii:strict",
        "PYTHONUTF8": "0",
    },
    "dumb terminal of 40 columns": {"LANG": "C", "TERM": "dumb", "COLUMNS": "40", "NO_COLOR": "1"},
    "no HOME": {"HOME": ""},
    "folders that are not there": {"HOME": "/nonexistent", "TMPDIR": "/nonexistent"},
}


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_a_scan_works_in_poor_surroundings(name: str, tmp_path: Path) -> None:
    environ = {key: value for key, value in {**os.environ, **SURROUNDINGS[name]}.items() if value}
    run = scan_model(tmp_path, model_source(at_import="print('注意力')"), environ=environ)
    assert run.exit_code == 0, run.stderr
    run.assert_clean()
    assert run.files == OUTPUTS
    if "ascii" in environ.get("PYTHONIOENCODING", ""):
        assert (run.stdout + run.stderr).isascii()


def test_an_almost_empty_environment_is_enough(tmp_path: Path) -> None:
    run = scan_model(tmp_path, model_source(), environ={"PATH": os.environ["PATH"]})
    assert run.exit_code == 0, run.stderr


def test_two_scans_at_once_in_one_folder_leave_whole_files(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(model_source())
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda _: attnprobe(tmp_path, "scan", "model.py", "--static"), range(2)))
    assert [run.exit_code for run in runs] == [0, 0]
    assert set(os.listdir(tmp_path)) == OUTPUTS | {"model.py"}
    json.loads((tmp_path / "attnprobe-scan.json").read_text())


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder that even root cannot write")
def test_a_read_only_folder_is_said_before_the_model_is_loaded() -> None:
    run = attnprobe(Path("/sys/kernel"), "scan", "/nonexistent.py")
    assert run.exit_code == 2, run.stderr
    run.assert_clean()
    assert "nothing can be written" in run.error_lines[0]


INTERRUPTED = {
    "starting": "",
    "importing": model_source(at_import="open('here', 'w').close()\n" + do.LOOP),
    "building": model_source(at_build="open('here', 'w').close()\n" + do.DEAF_LOOP),
    "running": model_source(at_forward="open('here', 'w').close()\n" + do.LOOP),
}


@pytest.mark.parametrize(
    ("stage", "number"),
    [*((stage, signal.SIGINT) for stage in INTERRUPTED), ("running", signal.SIGTERM)],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_an_interrupted_scan_leaves_no_file_and_no_process(stage: str, number: int, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(INTERRUPTED[stage])
    with _running(tmp_path) as process:
        _wait_for(lambda: (tmp_path / "here").exists() if INTERRUPTED[stage] else _children(process))
        children = _children(process)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert b"Traceback" not in stderr
    assert not [child for child in children if child.is_running()]
    assert set(os.listdir(tmp_path)) <= {"model.py", "here"}


def test_the_models_process_ends_when_attnprobe_is_killed(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(INTERRUPTED["importing"])
    with _running(tmp_path) as process:
        _wait_for((tmp_path / "here").exists)
        children = _children(process)
        process.kill()
        process.communicate(timeout=20)
    assert children
    _wait_for(lambda: not [child for child in children if child.is_running()])


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(model_source())
    command = f"{sys.executable} -P -m attnprobe scan model.py --static -o json=- 2>err | head -c 10"
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True, capture_output=True)
    assert "Traceback" not in (tmp_path / "err").read_text()
    assert "error[" not in (tmp_path / "err").read_text()


def _running(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-m", "attnprobe", "scan", "model.py", "--static"]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def _children(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def _wait_for(condition: object) -> None:
    assert callable(condition)
    for _ in range(300):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("waited 30 s in vain")
