"""The command that repeats a scan names what was asked for, and nothing of the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnprobe.records import ScanOptions
from attnprobe.repeating import command_of, shown_target


def test_defaults_are_left_out() -> None:
    assert command_of(ScanOptions(target="model.py")) == "attnprobe scan model.py"


def test_everything_else_is_named() -> None:
    options = ScanOptions(
        target="my model.py:GPT",
        inputs=("ids:int64[2,128]",),
        seq_len=128,
        lengths=(64, 256),
        static=True,
        backward=False,
    )
    assert command_of(options) == (
        "attnprobe scan 'my model.py:GPT' --input 'ids:int64[2,128]' --length 64 --length 256 --seq-len 128 "
        "--static --infer"
    )


def test_an_absolute_path_below_the_working_directory_becomes_relative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown_target(str(tmp_path / "models" / "gpt.py")) == "models/gpt.py"
    assert shown_target(f"hf:{tmp_path}/llama") == "hf:llama"


def test_of_a_path_elsewhere_only_the_last_name_is_kept() -> None:
    assert shown_target("/home/someone/secret/gpt.py:build") == "gpt.py:build"
    assert shown_target("hf:/home/someone/llama") == "hf:llama"
    assert shown_target("hf:llama") == "hf:llama"
