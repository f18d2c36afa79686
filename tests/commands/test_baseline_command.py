from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from attnprobe import scan_file
from attnprobe.checking.baselines import read
from attnprobe.records import Scan
from tests.commands.running import Ran
from tests.report.sample_scans import gpt_scan

Attnprobe = Callable[..., Ran]


def faulty(scan: Scan, count: int) -> Scan:
    """The scan with `count` parts of the model that could not be seen: AP001 fires."""
    from attnprobe.records import BlindSpot

    spots = tuple(BlindSpot(module=f"h.{n}", kind="other", reason="unseen") for n in range(count))
    return replace(scan, blind_spots=spots, findings=(), ignored=())


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    return save(tmp_path, faulty(gpt_scan(), 1))


def save(folder: Path, scan: Scan) -> Path:
    path = folder / "scan.json"
    path.write_text(scan_file.dump(scan))
    return path


def test_findings_that_are_known_pass_afterwards(attnprobe: Attnprobe, scan: Path, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert attnprobe("check", "scan.json", "--fail-on", "info").exit_code == 1
    ran = attnprobe("baseline", "create", "scan.json")
    assert ran.exit_code == 0, ran.stderr
    assert "+ AP001 the model\n" in ran.stdout
    assert "Wrote attnprobe-baseline.json: " in ran.stderr
    assert 'set baseline = "attnprobe-baseline.json"' in ran.stderr
    known = attnprobe("check", "scan.json", "--fail-on", "info", "--baseline", "attnprobe-baseline.json")
    assert known.exit_code == 0, known.stdout


def test_a_baseline_that_is_there_is_not_written_over(
    attnprobe: Attnprobe, scan: Path, tmp_path: Path
) -> None:
    (tmp_path / "attnprobe-baseline.json").write_text("mine")
    ran = attnprobe("baseline", "create", "scan.json")
    assert ran.exit_code == 2
    assert "attnprobe-baseline.json is there already" in ran.stderr
    assert (tmp_path / "attnprobe-baseline.json").read_text() == "mine"


def test_an_update_says_what_came_and_went(attnprobe: Attnprobe, scan: Path, tmp_path: Path) -> None:
    assert attnprobe("baseline", "create", "scan.json", "-q").exit_code == 0
    save(tmp_path, faulty(gpt_scan(), 0))
    ran = attnprobe("baseline", "update", "scan.json")
    assert ran.exit_code == 0
    assert "- AP001 the model\n" in ran.stdout
    assert "AP001" not in {entry.rule for entry in read(tmp_path / "attnprobe-baseline.json").entries}
    save(tmp_path, faulty(gpt_scan(), 1))
    assert "+ AP001 the model\n" in attnprobe("baseline", "update", "scan.json").stdout


def test_pruning_drops_what_is_gone_and_adds_nothing(
    attnprobe: Attnprobe, scan: Path, tmp_path: Path
) -> None:
    path = tmp_path / "attnprobe-baseline.json"
    save(tmp_path, faulty(gpt_scan(), 0))
    assert attnprobe("baseline", "create", "scan.json").exit_code == 0
    before = path.read_bytes()
    save(tmp_path, faulty(gpt_scan(), 1))
    assert attnprobe("baseline", "prune", "scan.json").stdout == ""
    assert path.read_bytes() == before
    attnprobe("baseline", "update", "scan.json")
    save(tmp_path, faulty(gpt_scan(), 0))
    assert "- AP001 the model\n" in attnprobe("baseline", "prune", "scan.json").stdout


def test_pruning_by_another_model_is_refused(attnprobe: Attnprobe, scan: Path, tmp_path: Path) -> None:
    assert attnprobe("baseline", "create", "scan.json").exit_code == 0
    other = faulty(gpt_scan(), 1)
    save(tmp_path, replace(other, model=replace(other.model, entry="other.py:T()")))
    ran = attnprobe("baseline", "prune", "scan.json")
    assert ran.exit_code == 2
    assert "error[E-BASELINE] the baseline is of another target: " in ran.stderr
    assert attnprobe("baseline", "prune", "scan.json", "--allow-mismatch").exit_code == 0


def test_a_merge_that_failed_is_mended_by_an_update(attnprobe: Attnprobe, scan: Path, tmp_path: Path) -> None:
    path = tmp_path / "attnprobe-baseline.json"
    path.write_text('{\n<<<<<<< HEAD\n "schema": 1\n=======\n "schema": 1\n>>>>>>> main\n}\n')
    refused = attnprobe("check", "scan.json", "--baseline", path.name)
    assert refused.exit_code == 2
    assert "attnprobe-baseline.json holds the conflict markers of a merge" in refused.stderr
    assert attnprobe("baseline", "show").exit_code == 2
    assert attnprobe("baseline", "update", "scan.json").exit_code == 0
    assert attnprobe("baseline", "show").exit_code == 0


def test_show_prints_what_it_was_made_of(attnprobe: Attnprobe, scan: Path, tmp_path: Path) -> None:
    assert attnprobe("baseline", "create", "scan.json", "--baseline", "known.json").exit_code == 0
    ran = attnprobe("baseline", "show", "known.json")
    assert f"target   {gpt_scan().model.entry}\n" in ran.stdout
    assert "AP001 the model" in ran.stdout
    assert json.loads((tmp_path / "known.json").read_text())["schema"] == 1


def test_the_configuration_names_the_file(attnprobe: Attnprobe, scan: Path, tmp_path: Path) -> None:
    (tmp_path / "attnprobe.toml").write_text('baseline = "known.json"\n')
    ran = attnprobe("baseline", "create", "scan.json")
    assert ran.exit_code == 0, ran.stderr
    assert (tmp_path / "known.json").is_file()
    assert "[tool.attnprobe]" not in ran.stderr


def test_a_baseline_needs_something_to_be_made_of(attnprobe: Attnprobe) -> None:
    ran = attnprobe("baseline", "create")
    assert ran.exit_code == 2
    assert "baseline needs a TARGET" in ran.stderr
    assert "is not there" in attnprobe("baseline", "update", "scan.json").stderr
    assert "is not a file" in attnprobe("baseline", "show").stderr


def test_a_baseline_of_a_stranger_writes_nothing_into_the_terminal(
    attnprobe: Attnprobe, scan: Path, tmp_path: Path
) -> None:
    attnprobe("baseline", "create", "scan.json", "-q")
    path = tmp_path / "attnprobe-baseline.json"
    data = json.loads(path.read_text())
    hostile = "\x1b]0;gone\x07\u202e\r\n::error::x ##[error]"
    data["header"]["target"] = data["tool"] = hostile
    data["entries"][0] |= dict.fromkeys(("fingerprint", "rule", "where", "kind", "level"), hostile)
    data["entries"][0]["metrics"] = {hostile: 1}
    path.write_text(json.dumps(data))
    ran = attnprobe("baseline", "show")
    assert ran.exit_code == 0
    assert not set("\x1b\x07\u202e\r") & set(ran.stdout)
    assert "\n::error" not in ran.stdout
    assert "##[" not in ran.stdout


def test_no_value_of_the_environment_reaches_any_output(
    attnprobe: Attnprobe, scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, name in enumerate(("AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "ATTNPROBE_TOKEN", "GITHUB_TOKEN")):
        monkeypatch.setenv(name, f"hunter{number}-canary")
    said = [
        attnprobe("baseline", "create", "scan.json"),
        attnprobe("baseline", "show"),
        attnprobe("config", "show", "--origin"),
        attnprobe("init", "scan.json"),
    ]
    assert all(ran.exit_code == 0 for ran in said)
    files = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "canary" not in files + "".join(ran.stdout + ran.stderr for ran in said)
    assert str(tmp_path) not in files.replace(scan.read_text(), "")
