from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from attnprobe.checking.settings import read_settings
from attnprobe.checking.settings.amounts import parse_amount
from attnprobe.commands.beginning.proposing import proposed
from tests.commands.running import Ran
from tests.report.sample_scans import gpt_scan

Attnprobe = Callable[..., Ran]

FILES = ("attnprobe.toml", "attnprobe_inputs.py", ".github/workflows/attnprobe.yml")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_empty_folder_gets_three_files(attnprobe: Attnprobe, tmp_path: Path) -> None:
    ran = attnprobe("init", "model.py:build")
    assert ran.exit_code == 0, ran.stderr
    assert set(contents(tmp_path)) == set(FILES)
    assert read_settings(tmp_path).model == "model.py:build"
    ast.parse((tmp_path / "attnprobe_inputs.py").read_text())
    workflow = yaml.safe_load((tmp_path / ".github/workflows/attnprobe.yml").read_text())
    assert workflow["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in str(workflow)


def test_a_second_run_changes_nothing(attnprobe: Attnprobe, tmp_path: Path) -> None:
    attnprobe("init", "model.py")
    before = contents(tmp_path)
    ran = attnprobe("init", "other.py")
    assert ran.exit_code == 0
    assert ran.stdout == ""
    assert ran.stderr.count("left as it is") == 3
    assert "nothing to do" in ran.stderr
    assert contents(tmp_path) == before


def test_a_dry_run_prints_and_writes_nothing(attnprobe: Attnprobe, tmp_path: Path) -> None:
    ran = attnprobe("init", "model.py", "--dry-run")
    assert ran.exit_code == 0
    assert contents(tmp_path) == {}
    assert '# attnprobe.toml would be written\nmodel = "model.py"\n' in ran.stdout
    assert "def make()" in ran.stdout


@pytest.mark.parametrize(
    "before",
    [
        b"[project]\nname = 'x'\n",
        b"[project]\nname = 'x'",
        b"[project]\r\nname = 'x'\r\n",
        b"# only a comment",
        b"",
        b"[tool.ruff]\nline-length=110   # odd   spacing\n\n\n",
        "[project]\ndescription = '注意力'\n".encode(),
    ],
)
def test_a_project_file_keeps_every_byte_and_gains_a_section(
    before: bytes, attnprobe: Attnprobe, tmp_path: Path
) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_bytes(before)
    path.chmod(0o640)
    ran = attnprobe("init", "model.py")
    assert ran.exit_code == 0, ran.stderr
    after = path.read_bytes()
    assert after.startswith(before)
    assert path.stat().st_mode & 0o777 == 0o640
    assert b"[tool.attnprobe]" in after[len(before) :]
    assert after.count(b"\r\n") in (0, after.count(b"\n"))
    assert read_settings(tmp_path).model == "model.py"
    assert not (tmp_path / "attnprobe.toml").exists()


def test_a_section_that_is_there_is_left(attnprobe: Attnprobe, tmp_path: Path) -> None:
    text = b'[tool]\nattnprobe = {fail-on = "info"}\n'
    (tmp_path / "pyproject.toml").write_bytes(text)
    ran = attnprobe("init", "model.py")
    assert "pyproject.toml has [tool.attnprobe] already; left as it is" in ran.stderr
    assert (tmp_path / "pyproject.toml").read_bytes() == text


def test_a_project_file_that_takes_no_section_gets_a_file_beside_it(
    attnprobe: Attnprobe, tmp_path: Path
) -> None:
    (tmp_path / "pyproject.toml").write_text("tool = {ruff = {line-length = 110}}\n")
    assert attnprobe("init", "model.py").exit_code == 0
    assert (tmp_path / "pyproject.toml").read_text() == "tool = {ruff = {line-length = 110}}\n"
    assert read_settings(tmp_path).files == ("attnprobe.toml",)


def test_a_broken_project_file_is_an_error_and_nothing_is_written(
    attnprobe: Attnprobe, tmp_path: Path
) -> None:
    (tmp_path / "pyproject.toml").write_text("[project\n")
    ran = attnprobe("init", "model.py")
    assert ran.exit_code == 2
    assert "error[E-CONFIG] pyproject.toml is not TOML" in ran.stderr
    assert set(contents(tmp_path)) == {"pyproject.toml"}


def test_something_in_the_way_is_an_error_and_nothing_is_written(
    attnprobe: Attnprobe, tmp_path: Path
) -> None:
    (tmp_path / ".github").write_text("")
    ran = attnprobe("init", "model.py")
    assert ran.exit_code == 2
    assert ".github is in the way: it is no folder" in ran.stderr
    assert set(contents(tmp_path)) == {".github"}


def test_a_link_is_not_written_through(attnprobe: Attnprobe, tmp_path: Path) -> None:
    (tmp_path / "attnprobe_inputs.py").symlink_to(tmp_path / "elsewhere.py")
    assert attnprobe("init", "model.py").exit_code == 0
    assert not (tmp_path / "elsewhere.py").exists()


def test_a_scan_proposes_budgets_a_quarter_above(attnprobe: Attnprobe, saved_scan: Path) -> None:
    ran = attnprobe("init", "scan.json")
    assert ran.exit_code == 0, ran.stderr
    settings = read_settings(saved_scan.parent)
    scan = gpt_scan()
    assert settings.model == scan.model.target
    limits = {budget.metric: budget.limit for budget in settings.budgets}
    assert "flops_forward" in limits
    for metric, limit in limits.items():
        now = scan.totals[metric]
        assert now is not None
        assert limit is not None
        assert 1.25 * now <= limit <= 1.2626 * now  # rounded up in the third digit


@given(st.integers(1, 10**18), st.sampled_from(["FLOP", "byte", "parameter"]))
def test_a_proposal_is_never_below_a_quarter_more(value: int, unit: str) -> None:
    read = parse_amount(proposed(value, unit), unit)
    assert 4 * read >= 5 * value
    assert read <= 1.2626 * value + 1


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (800, "FLOP", "1 kF"),
        (412_000_000_000, "FLOP", "515 GF"),
        (1_000_000_001, "FLOP", "1.26 GF"),
        (49_152, "byte", "60 KiB"),
        (512, "byte", "640 B"),
        (29_440, "parameter", "36.8 k"),
        (1, "parameter", "2"),
    ],
)
def test_proposals_are_written_as_people_write_them(value: int, unit: str, text: str) -> None:
    assert proposed(value, unit) == text
