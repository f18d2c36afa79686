from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from attnprobe.checking.settings import read_settings
from attnprobe.commands.configuring.toml_text import settings_text, toml_value
from attnprobe.records import Settings
from tests.commands.running import Ran

Attnprobe = Callable[..., Ran]

FILE = """\
model = "model.py:build"
inputs = ["ids:int64[2,128]"]
lang = "zh"
fail-on = "warning"
max-ignore-days = 90
infer = true
lengths = [64, 128]
ignore = ["AP113"]
severity = {AP101 = "warning"}

[options]
AP202.share = 0.3

[budgets]
flops = "1.9 GF"
[budgets.delta]
time = {max = "+10%", mode = "paired", runs = 9}

[[override]]
match = "h.{0..3}.attn"
options = {AP202.opt_share = 0.5}
"""


def without_places(settings: Settings) -> Settings:
    return replace(
        settings,
        origins={},
        files=(),
        ignores=tuple(replace(each, origin="") for each in settings.ignores),
        overrides=tuple(replace(each, origin="") for each in settings.overrides),
        budgets=tuple(replace(each, origin="") for each in settings.budgets),
    )


@pytest.mark.parametrize("has_origins", [False, True])
def test_what_is_shown_reads_as_the_same_settings(has_origins: bool, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    (first / "attnprobe.toml").write_text(FILE)
    settings = read_settings(first)
    text = "\n".join(settings_text(settings, has_origins=has_origins))
    (second / "attnprobe.toml").write_text(text, encoding="utf-8")
    assert without_places(read_settings(second)) == without_places(settings)


def test_every_setting_says_where_it_was_set(
    attnprobe: Attnprobe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "attnprobe.toml").write_text(FILE)
    monkeypatch.setenv("ATTNPROBE_FAIL_ON", "info")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795219200")
    ran = attnprobe("config", "show", "--origin")
    assert ran.exit_code == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[0] == "# read: attnprobe.toml"
    assert "# today: 2026-11-21  # SOURCE_DATE_EPOCH" in lines
    assert 'model = "model.py:build"  # attnprobe.toml:1' in lines
    assert 'fail-on = "info"  # ATTNPROBE_FAIL_ON' in lines
    assert 'block = "exact"  # default' in lines
    assert "share = 0.3  # attnprobe.toml:12" in lines
    assert 'flops_forward = {max = "1.9 GF", block = true}  # attnprobe.toml:15' in lines


def test_without_a_file_the_defaults_are_shown(attnprobe: Attnprobe, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    ran = attnprobe("config", "show")
    assert ran.exit_code == 0
    assert ran.stdout.startswith("# read: no file\n# today: ")
    assert 'fail-on = "error"\n' in ran.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "seq_len = 4\n",
            "error[E-CONFIG] unknown key 'seq_len'; did you mean 'seq-len'?   attnprobe.toml:1",
        ),
        ('\nselect = ["AP010"]\n', "error[E-CONFIG] no rule is named 'AP010'"),
        ("fail-on = 1\n", "attnprobe.toml:1"),
        ("[\n", "error[E-CONFIG] attnprobe.toml is not TOML"),
    ],
)
def test_a_fault_is_one_line_with_its_place(
    text: str, said: str, attnprobe: Attnprobe, tmp_path: Path
) -> None:
    (tmp_path / "attnprobe.toml").write_text(text)
    ran = attnprobe("config", "show")
    assert ran.exit_code == 2
    assert said in ran.stderr
    assert ran.stdout == ""


def test_a_file_of_a_stranger_writes_nothing_into_the_terminal(attnprobe: Attnprobe, tmp_path: Path) -> None:
    (tmp_path / "attnprobe.toml").write_text('model = "\\u001b]0;gone\\u0007\\u202e##[error]x"\n')
    ran = attnprobe("config", "show", "--origin")
    assert ran.exit_code == 0
    assert "\x1b" not in ran.stdout
    assert "\u202e" not in ran.stdout
    assert "##[" not in ran.stdout


@pytest.mark.parametrize(
    "value", ["plain", 'quote " \\ back', "注意力", "tab\tnew\nline", "\x7f\x1b", "😀", "\U000e0001"]
)
def test_a_text_in_toml_is_read_back(value: str) -> None:
    import tomllib

    assert tomllib.loads(f"key = {toml_value(value)}") == {"key": value}
