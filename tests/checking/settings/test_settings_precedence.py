from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from attnprobe.checking.settings import read_settings
from attnprobe.errors import SettingsError
from attnprobe.records import IgnoreEntry

FILE = """
fail-on = "info"
seq-len = 128
preview = true
ignore = ["AP113"]
severity = {AP101 = "info", AP102 = "info"}
options = {AP202.share = 0.3, AP202.min_len = 512}
[budgets]
flops = "1 GF"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "attnprobe.toml").write_text(FILE)
    return tmp_path


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    settings = read_settings(tmp_path)
    assert (settings.fail_on, settings.select, settings.block) == ("error", ("AP",), "exact")
    assert settings.files == ()


def test_the_command_line_wins_over_a_variable_and_that_over_the_file(folder: Path) -> None:
    variables = {"ATTNPROBE_FAIL_ON": "warning", "ATTNPROBE_SEQ_LEN": "64"}
    settings = read_settings(folder, given={"fail_on": "error"}, environ=variables)
    assert settings.fail_on == "error"
    assert settings.scan["seq_len"] == 64
    assert settings.preview is True
    assert settings.origins["fail-on"] == "--fail-on"
    assert settings.origins["seq-len"] == "ATTNPROBE_SEQ_LEN"
    assert settings.origins["preview"] == "attnprobe.toml:4"


def test_what_was_not_given_does_not_win(folder: Path) -> None:
    settings = read_settings(folder, given={"fail_on": None, "select": (), "packs": []})
    assert settings.fail_on == "info"


def test_tables_win_entry_by_entry(folder: Path) -> None:
    given = {
        "severity": {"AP101": "error"},
        "options": {"AP202": {"share": 0.5}},
        "budgets": {"flops_forward": "2 GF"},
    }
    settings = read_settings(folder, given=given)
    assert settings.severity == {"AP101": "error", "AP102": "info"}
    assert settings.options == {"AP202": {"share": 0.5, "min_len": 512}}
    assert [(budget.limit, budget.origin) for budget in settings.budgets] == [(2_000_000_000, "--budgets")]


def test_rules_left_out_by_option_need_no_reason_and_keep_the_ignores(folder: Path) -> None:
    settings = read_settings(folder, given={"deselect": ("AP5",)}, environ={"ATTNPROBE_IGNORE": "AP6, AP7"})
    assert settings.deselect == ("AP6", "AP7", "AP5")
    assert settings.ignores == (IgnoreEntry(rules=("AP113",), origin="attnprobe.toml:5"),)


def test_variables_are_read_by_the_type_of_their_key(tmp_path: Path) -> None:
    variables = {
        "ATTNPROBE_PREVIEW": "yes",
        "ATTNPROBE_INPUTS": "ids:int64[2,128],mask:bool[2,128]",
        "ATTNPROBE_LENGTHS": "64, 128",
        "ATTNPROBE_TIMEOUT": "1.5",
        "ATTNPROBE_LANG": "zh",
        "ATTNPROBE_MODEL": "",
        "HOME": "/home/lin",
    }
    settings = read_settings(tmp_path, environ=variables)
    assert settings.preview is True
    assert settings.language == "zh"
    assert settings.scan == {
        "inputs": ("ids:int64[2,128]", "mask:bool[2,128]"),
        "lengths": (64, 128),
        "timeout": 1.5,
    }


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ATTNPROBE_PREVIEW", "perhaps", "expected 1 or 0, found 'perhaps'"),
        ("ATTNPROBE_SEQ_LEN", "long", "expected a number, found 'long'"),
        (
            "ATTNPROBE_FAIL_ON",
            "loud",
            "ATTNPROBE_FAIL_ON: expected one of error, warning, info, found a text ('loud')",
        ),
    ],
)
def test_a_wrong_variable_is_named(name: str, value: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(tmp_path, environ={name: value})
    assert (caught.value.message, caught.value.location) == (message, name)


def test_a_variable_that_is_no_setting_is_told(tmp_path: Path) -> None:
    settings = read_settings(tmp_path, environ={"ATTNPROBE_FAILON": "info"})
    assert settings.notices == ("ATTNPROBE_FAILON is no setting; did you mean 'ATTNPROBE_FAIL_ON'?",)


def test_an_unknown_setting_of_a_call_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="unknown setting 'fail_om'; did you mean 'fail_on'"):
        read_settings(tmp_path, given={"fail_om": "info"})


def test_no_value_of_another_variable_is_kept(tmp_path: Path) -> None:
    settings = read_settings(tmp_path, environ={"SECRET": "hunter2", "ATTNPROBE_SECRET": "hunter2"})
    assert "hunter2" not in repr(settings)


def test_the_clock_is_fixed_by_the_call_then_the_variable_then_the_epoch(tmp_path: Path) -> None:
    epoch = {"SOURCE_DATE_EPOCH": "86399"}  # one second before 1970-01-02 in UTC
    both = {**epoch, "ATTNPROBE_TODAY": "2027-01-02"}
    assert read_settings(tmp_path, environ=both, today="2026-11-21").today == "2026-11-21"
    assert read_settings(tmp_path, environ=both).today == "2027-01-02"
    assert read_settings(tmp_path, environ=epoch).today == "1970-01-01"
    assert read_settings(tmp_path, environ={"SOURCE_DATE_EPOCH": "86400"}).today == "1970-01-02"


def test_the_epoch_is_the_same_day_in_every_time_zone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = set()
    try:
        for zone in ("Pacific/Kiritimati", "UTC", "Etc/GMT+12"):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            days.add(read_settings(tmp_path, environ={"SOURCE_DATE_EPOCH": "1795219200"}).today)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert days == {"2026-11-21"}  # 1795219200 = 2026-11-21T00:00:00Z


def test_without_a_fixed_clock_the_day_is_the_local_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def day_in(zone: str) -> str:
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        return read_settings(tmp_path).today

    try:
        # 26 hours apart: never the same day
        assert day_in("Etc/GMT+12") < day_in("Pacific/Kiritimati")
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("epoch", ["-1", "tomorrow", "9" * 30, "²"])
def test_an_epoch_that_is_none_is_refused(epoch: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(tmp_path, environ={"SOURCE_DATE_EPOCH": epoch})
    assert caught.value.location == "SOURCE_DATE_EPOCH"


def test_a_day_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="'2026-13-01' is not a day"):
        read_settings(tmp_path, today="2026-13-01")


def test_reading_imports_no_torch(tmp_path: Path) -> None:
    import subprocess
    import sys

    (tmp_path / "attnprobe.toml").write_text(FILE)
    code = (
        "import sys; from pathlib import Path; from attnprobe.checking.settings import read_settings; "
        "read_settings(Path('.')); sys.exit('torch' in sys.modules)"
    )
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environ).returncode == 0
