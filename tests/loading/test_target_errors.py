"""What a newcomer gets wrong ends in one line that says what to do next."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from attnprobe.errors import AttnprobeError, ModelArgumentsError, ModelError, TargetError
from tests.loading.conftest import NET, Load, Write

CONFIGURED = """
from dataclasses import dataclass
from torch import nn

@dataclass
class GPTConfig:
    width: int = 8

class Block(nn.Module):
    def __init__(self, config): super().__init__()

class GPT(nn.Module):
    def __init__(self, config: GPTConfig, depth):
        super().__init__()
        self.block = Block(config)
"""


def failure(load_target: Load, target: str, **options: object) -> AttnprobeError:
    with pytest.raises(AttnprobeError) as caught:
        load_target(target, **options)
    error = caught.value
    assert "\n" not in error.message
    assert len(error.message) < 700
    return error


def test_missing_arguments_are_named_with_a_factory_to_copy(write: Write, load_target: Load) -> None:
    write("model.py", CONFIGURED)
    error = failure(load_target, "model.py")
    assert isinstance(error, ModelArgumentsError)
    assert error.message == "GPT.__init__ needs 2 arguments: config, depth"
    assert "`def build(): return GPT(GPTConfig(), depth=…)`, and scan model.py:build" in error.hint
    assert error.location == "model.py:13"


def test_several_candidates_are_listed(write: Write, load_target: Load) -> None:
    write("model.py", NET + "class Other(nn.Module): pass\n")
    error = failure(load_target, "model.py")
    assert error.message == "model.py has 2 nn.Module classes that build without arguments: Net, Other"
    assert error.hint == "Say which one, e.g. model.py:Other"


def test_a_file_without_a_model_says_how_to_add_one(write: Write, load_target: Load) -> None:
    write("model.py", "x = 1\n")
    error = failure(load_target, "model.py")
    assert "defines no model" in error.message
    assert "build_model()" in error.hint


def test_a_misspelt_entry_offers_the_nearest(write: Write, load_target: Load) -> None:
    write("model.py")
    error = failure(load_target, "model.py:Nett")
    assert error.message == "model.py has no 'Nett'; did you mean 'Net'?"


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("import torch\nimport not_a_package\n", "No module named 'not_a_package'", 2),
        ("x = 1\ndef f(:\n    pass\n", "SyntaxError: invalid syntax", 2),
        ("import sys\n\nsys.exit(3)\n", "importing model.py called sys.exit(3)", 3),
        ("def f(): return f()\nf()\n", "RecursionError", 1),
        ("class E(Exception):\n    def __str__(self): raise KeyError\nraise E\n", "cannot be printed", 3),
        ("raise ValueError('x' * 10_000_000)\n", "ValueError: xxx", 1),
        ("raise ValueError('\\x1b]0;title\\x07 \\udcff')\n", "\\x1b]0;title\\x07 \\udcff", 1),
    ],
)
def test_an_import_that_fails_names_the_users_own_line(
    text: str, message: str, line: int, write: Write, load_target: Load
) -> None:
    write("model.py", text)
    error = failure(load_target, "model.py")
    assert isinstance(error, ModelError)
    assert message in error.message
    assert error.location == f"model.py:{line}"


def test_a_missing_package_is_named_in_the_hint(write: Write, load_target: Load) -> None:
    write("model.py", "from not_a_package.layers import X\n")
    assert "pip install not_a_package" in failure(load_target, "model.py").hint


def test_a_constructor_that_raises_names_the_line(write: Write, load_target: Load) -> None:
    write("model.py", NET.replace("self.proj = nn.Linear(8, 8)", "1 / 0"))
    error = failure(load_target, "model.py")
    assert error.message == "building Net() raised ZeroDivisionError: division by zero"
    assert error.location == "model.py:8"


def test_a_factory_that_returns_no_model_is_refused(write: Write, load_target: Load) -> None:
    write("model.py", "def build_model(): return 3\n")
    assert "returned int; expected an nn.Module" in failure(load_target, "model.py").message


def test_a_forward_that_never_works_shows_input_error_and_line(write: Write, load_target: Load) -> None:
    write("model.py", NET.replace("return self.proj(x)", "raise ValueError('wrong day')"))
    error = failure(load_target, "model.py")
    assert "on 0 float32[2, 128, 8] it raised ValueError: wrong day" in error.message
    assert error.location == "model.py:11"
    assert "example_inputs()" in error.hint


def test_lazy_parameters_are_named(write: Write, load_target: Load) -> None:
    write(
        "model.py",
        NET.replace("nn.Linear(8, 8)", "nn.LazyLinear(8)").replace("import torch\n", WITHOUT_WARNING),
    )
    error = failure(load_target, "model.py")
    assert "lazy parameters without a shape: proj.weight, proj.bias" in error.message


WITHOUT_WARNING = "import warnings\nwarnings.simplefilter('ignore')\n"


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        ("def example_inputs(): return 3\n", "example_inputs() returned int"),
        ("def example_inputs(): return []\n", "example_inputs() returned an empty list"),
        ("def example_inputs(): raise KeyError('k')\n", "example_inputs() raised KeyError: 'k'"),
        ("example_inputs = 3\n", "`example_inputs` is int; expected a function"),
        ("loss = 'mse'\n", "`loss` is str; expected a function"),
        ("causal = 'yes'\n", "`causal` is str; expected True or False"),
    ],
)
def test_a_hook_of_the_wrong_kind_is_refused(
    hook: str, message: str, write: Write, load_target: Load
) -> None:
    write("model.py", NET + hook)
    assert message in failure(load_target, "model.py").message


def test_what_is_no_readable_file_is_said(write: Write, load_target: Load) -> None:
    folder = write("there.py").parent
    (folder / "folder.py").mkdir()
    os.mkfifo(folder / "fifo.py")
    (folder / "loop.py").symlink_to("loop.py")
    (folder / "null.py").write_bytes(b"x = 1\0\n")
    (folder / "latin.py").write_bytes("# é\n".encode("latin-1"))
    with open(folder / "huge.py", "wb") as file:
        file.truncate(2**31)
    for name, message in {
        "folder.py": "not a regular file",
        "fifo.py": "not a regular file",
        "loop.py": "cannot be read",
        "null.py": "null byte",
        "latin.py": "not UTF-8",
        "huge.py": "2,147,483,648 bytes",
        "absent.py": "does not exist",
        "x" * 255 + ".py": "cannot be read",
        "nul\0l.py": "null byte",
    }.items():
        assert message in failure(load_target, name).message, name


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nowhere", "neither a file nor a kind of target"),
        ("", "folder"),
        ("no_such_package.module:Net", "no module is named 'no_such_package.module'"),
        ("weights.pth", "is a pickle"),
        ("absent.pt2", "is not a file"),
        ("notes.txt", "not a kind of file"),
    ],
)
def test_other_targets_are_explained(target: str, message: str, write: Write, load_target: Load) -> None:
    write("notes.txt", "hello")
    error = failure(load_target, target)
    assert isinstance(error, TargetError)
    assert message in error.message


def test_a_folder_of_a_transformers_model_is_recognised(write: Write, load_target: Load) -> None:
    write("checkpoint/config.json", "{}")
    assert "write hf:checkpoint" in failure(load_target, "checkpoint").message


def test_negative_sizes_are_a_usage_error(write: Write, load_target: Load) -> None:
    write("model.py")
    assert failure(load_target, "model.py", batch_size=-1).exit_code == 2
    assert failure(load_target, "model.py", dtype="float31").exit_code == 2
    assert Path("model.py").exists()
