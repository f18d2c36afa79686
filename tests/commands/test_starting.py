"""What every start of the program must keep: fast, without torch, the same words everywhere."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from attnprobe.registry import module_names

CODE = """
import sys, threading
from attnprobe.commands.terminal.program import run
exit_code = run(sys.argv[1:])
heavy = {{"torch", "numpy", "transformers"}} & set(sys.modules)
commands = {{"attnprobe.commands." + name for name in {names}}} & set(sys.modules)
print("exit", exit_code, sorted(heavy), sorted(commands), file=sys.stderr)
"""


def _started(*arguments: str) -> str:
    code = CODE.format(names=module_names("attnprobe.commands"))
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return done.stderr.splitlines()[-1]


def test_help_imports_neither_torch_nor_any_command() -> None:
    assert _started("--help") == "exit 0 [] []"


@pytest.mark.parametrize("command", module_names("attnprobe.commands"))
def test_a_commands_help_imports_only_that_command_and_no_torch(command: str) -> None:
    assert _started(command, "--help") == f"exit 0 [] ['attnprobe.commands.{command}']"


@pytest.mark.parametrize("arguments", [("catalog",), ("schema",), ("explain", "flops_forward")], ids=" ".join)
def test_what_needs_no_model_needs_no_torch(arguments: tuple[str, ...]) -> None:
    assert _started(*arguments) == f"exit 0 [] ['attnprobe.commands.{arguments[0]}']"


def test_help_takes_a_quarter_of_a_second_at_most() -> None:
    def seconds() -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "attnprobe", "--help"], capture_output=True, check=True)
        return time.perf_counter() - started

    assert min(seconds() for _ in range(8)) < 0.25  # the best of eight: other work on the machine is not ours


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, attnprobe; print(sorted({'torch', 'click', 'pydantic', 'rich'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_checkouts_door_works_from_anywhere(tmp_path: Path) -> None:
    door = Path(__file__).resolve().parents[2] / "cli.py"
    done = subprocess.run(
        [sys.executable, str(door), "--version"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("attnprobe, version 0.")
