from __future__ import annotations

from collections.abc import Callable

import pytest

from attnprobe.registry import module_names
from tests.commands.running import Ran

Attnprobe = Callable[..., Ran]


def test_help_lists_every_command_with_a_sentence(attnprobe: Attnprobe) -> None:
    listed = attnprobe("--help").stdout
    for name in module_names("attnprobe.commands"):
        assert f"\n  {name} " in listed


@pytest.mark.parametrize("command", module_names("attnprobe.commands"))
def test_a_commands_help_ends_with_an_example_of_it(command: str, attnprobe: Attnprobe) -> None:
    ran = attnprobe(command, "--help")
    assert ran.exit_code == 0
    assert ran.stdout.splitlines()[-1].startswith(f"  Example: attnprobe {command}")


def test_no_command_is_help_and_an_error_of_usage(attnprobe: Attnprobe) -> None:
    ran = attnprobe()
    assert ran.exit_code == 2
    assert "Usage: attnprobe" in ran.stderr
    assert ran.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("scna", "model.py"), "did you mean 'scan'?"),
        (("scan",), "Missing argument 'TARGET'"),
        (("scan", "model.py", "--statik"), "--static"),
        (("scan", "model.py", "--batch-size", "0"), "batch-size"),
        (("scan", "model.py", "--batch-size", "two"), "batch-size"),
        (("scan", "model.py", "--seq-len", "-1"), "seq-len"),
        (("scan", "model.py", "--batches", "0"), "batches"),
        (("scan", "model.py", "--repeats", "0"), "repeats"),
        (("scan", "model.py", "--seed", "-1"), "seed"),
        (("scan", "model.py", "--length", "0"), "length"),
        (("scan", "model.py", "--dtype", "int8"), "int8"),
        (("scan", "model.py", "--device", "tpu"), "'tpu' is none of auto, cpu, cuda"),
        (("scan", "model.py", "--device", "cuda:x"), "cuda:x"),
        (("scan", "model.py", "--timeout", "-1"), "number of seconds"),
        (("scan", "model.py", "--timeout", "nan"), "number of seconds"),
        (("scan", "model.py", "--timeout", "inf"), "number of seconds"),
        (("scan", "model.py", "--memory-limit", "lots"), "'lots' is not a size"),
        (("scan", "model.py", "--lang", "fr"), "fr"),
        (("scan", "model.py", "--open", "-o", "json=-"), "--open needs an HTML report in a file"),
        (("scan", "model.py", "-o", "htm=x"), "did you mean 'html'?"),
        (("scan", "model.py", "-o", "html"), "'html' is not an output"),
        (("explain", "flops_foward"), "did you mean 'flops_forward'?"),
        (("render", "scan.json"), "--output"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_command_line_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], said: str, attnprobe: Attnprobe
) -> None:
    ran = attnprobe(*arguments)
    assert ran.exit_code == 2
    assert ran.stdout == ""
    lines = ran.stderr.splitlines()
    assert lines[0].startswith("error[E-USAGE] ")
    assert said in ran.stderr
    assert lines[-1] == "  (exit 2 · attnprobe explain E-USAGE)"


def test_hostile_text_on_the_command_line_is_shown_as_escapes(attnprobe: Attnprobe) -> None:
    ran = attnprobe("\x1b[31m\u202e\udcff\n::error::")
    assert ran.exit_code == 2
    assert ran.stderr.splitlines()[0] == (
        "error[E-USAGE] no command is named '\\x1b[31m\\u202e\\udcff\\x0a::error::'"
    )
