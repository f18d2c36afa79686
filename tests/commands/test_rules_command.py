from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from attnprobe.checking.packs import load_file, load_rules
from tests.checking.packs.rule_files import written
from tests.commands.running import Ran

Attnprobe = Callable[..., Ran]

MODEL = """\
import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(16, 16) for _ in range(3))

    def forward(self, x):
        scores = self.q_proj(x) @ self.k_proj(x).mT / 4
        return torch.softmax(scores, -1) @ self.v_proj(x)


def example_inputs():
    return torch.zeros(1, 8, 16)
"""
# Scores and values of 8 tokens of width 16: 2 * 2 * 8 * 8 * 16 = 4096 FLOPs; three projections:
# 3 * 2 * 8 * 16 * 16 = 12288. So the core has 4096 / 16384 = 0.25 of the site's FLOPs.
ON_SAMPLE = (
    "  - {{sample: model.py, fires: {expected}, static: true, options: {{min_len: 1, share: {share}}}}}\n"
)


def _with_sample(folder: Path, expected: str, share: str) -> Path:
    (folder / "model.py").write_text(MODEL)
    path = written(folder)
    path.write_text(path.read_text() + ON_SAMPLE.format(expected=expected, share=share))
    return path


# ── list ──


def test_all_rules_are_listed(attnprobe: Attnprobe) -> None:
    lines = attnprobe("rules", "list").stdout.splitlines()
    assert lines[0].split() == ["id", "name", "level", "severity", "status", "category"]
    assert [line.split()[0] for line in lines[1:-1]] == [rule.id for rule in load_rules()]
    assert lines[-1] == f"{len(load_rules())} rules"


def test_the_list_can_be_narrowed(attnprobe: Attnprobe) -> None:
    said = attnprobe("rules", "list", "--category", "tool", "--level", "ignore").stdout.splitlines()
    assert [line.split()[0] for line in said[1:-1]] == ["AP002", "AP003", "AP004"]
    assert attnprobe("rules", "list", "--pack", "nobody").stdout.splitlines()[-1] == "0 rules"
    by_metric = attnprobe("rules", "list", "--metric", "value_output_gradient_factor").stdout
    assert "AP401" in by_metric
    assert "AP001" not in by_metric


# ── validate ──


def test_right_rules_are_counted(attnprobe: Attnprobe, tmp_path: Path) -> None:
    written(tmp_path / "pack")
    ran = attnprobe("rules", "validate", "pack")
    assert (ran.exit_code, ran.stdout) == (0, "1 rule is right\n")


def test_every_fault_is_printed_and_the_exit_code_is_2(attnprobe: Attnprobe, tmp_path: Path) -> None:
    written(tmp_path, ("when: core", "when: cure"))
    written(
        tmp_path,
        ("id: ACME001", "id: ACME002"),
        ("level: site", "level: x"),
        name="ACME002-long-sequences.yaml",
    )
    ran = attnprobe("rules", "validate", ".")
    assert ran.exit_code == 2
    assert "ACME001-long-sequences.yaml:11:7: no name 'cure_flops_share'; did you mean" in ran.stdout
    assert "ACME002-long-sequences.yaml:9:8: level: found 'x'" in ran.stdout
    assert "error[E-RULE] 2 faults in rule files" in ran.stderr


def test_an_attention_that_nobody_has_is_a_fault(attnprobe: Attnprobe, tmp_path: Path) -> None:
    written(tmp_path, ("replacement: sliding_window", "replacement: sliding_windows"))
    ran = attnprobe("rules", "validate", "ACME001-long-sequences.yaml")
    assert ran.exit_code == 2
    assert "no built-in attention is named 'sliding_windows'; did you mean 'sliding_window'?" in ran.stdout


def test_an_id_of_ours_is_refused(attnprobe: Attnprobe, tmp_path: Path) -> None:
    written(tmp_path, ("id: ACME001", "id: AP001"), name="AP001-long-sequences.yaml")
    ran = attnprobe("rules", "validate", "AP001-long-sequences.yaml")
    assert ran.exit_code == 2
    assert "two rules are called 'AP001': rules/core/AP001-not-traced.yaml and AP001-long" in ran.stdout


def test_a_file_that_is_not_there_is_an_error(attnprobe: Attnprobe) -> None:
    assert attnprobe("rules", "validate", "nothing.yaml").exit_code == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x 1\nb: *x\n", "the anchor"),
        ("[" * 5000, "nesting deeper"),
        ("a: !!python/object/apply:os.system ['true']", "the tag"),
        ("a: 1\na: 2", "a second time"),
        ("\x1b[31m: 1", "not YAML"),
        ("a: \U0001f4a9\n", "unknown key 'a'"),
    ],
)
def test_hostile_files_end_in_one_line(text: str, message: str, attnprobe: Attnprobe, tmp_path: Path) -> None:
    (tmp_path / "X001-x.yaml").write_text(text, encoding="utf-8")
    ran = attnprobe("rules", "validate", "X001-x.yaml")
    assert ran.exit_code == 2
    assert message in ran.stdout
    assert "\x1b" not in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr


# ── new ──


def test_a_new_rule_is_valid_and_its_tests_hold(attnprobe: Attnprobe, tmp_path: Path) -> None:
    ran = attnprobe("rules", "new", "ACME007-long-lines")
    assert ran.exit_code == 0
    rule = load_file(tmp_path / "ACME007-long-lines.yaml")
    assert (rule.id, rule.name, rule.status) == ("ACME007", "long-lines", "preview")
    assert attnprobe("rules", "test", "./ACME007-long-lines.yaml").exit_code == 0


def test_a_new_rule_never_replaces_a_file(attnprobe: Attnprobe, tmp_path: Path) -> None:
    (tmp_path / "ACME007-long-lines.yaml").write_text("mine")
    assert attnprobe("rules", "new", "ACME007-long-lines").exit_code == 2
    assert (tmp_path / "ACME007-long-lines.yaml").read_text() == "mine"


@pytest.mark.parametrize(
    "name", ["long-lines", "ACME7-x", "acme007-x", "../ACME007-x", "ACME007-X", "ACME007"]
)
def test_a_name_of_another_form_is_refused(name: str, attnprobe: Attnprobe, tmp_path: Path) -> None:
    ran = attnprobe("rules", "new", name)
    assert ran.exit_code == 2
    assert "is not of the form ID-NAME" in ran.stderr
    assert not list(tmp_path.iterdir())


# ── test ──


def test_tests_that_hold_are_counted(attnprobe: Attnprobe, tmp_path: Path) -> None:
    written(tmp_path)
    ran = attnprobe("rules", "test", "./ACME001-long-sequences.yaml", "--verbose")
    assert ran.exit_code == 0
    assert "ok    ACME001 ACME001-long-sequences.yaml:29  metrics" in ran.stdout
    assert ran.stdout.endswith("1 rule: 2 tests held, 0 failed\n")


def test_a_test_that_fails_is_shown_and_the_exit_code_is_1(attnprobe: Attnprobe, tmp_path: Path) -> None:
    written(tmp_path, ("core_flops_share: 0.26, kv_len", "core_flops_share: 0.2, kv_len"))
    ran = attnprobe("rules", "test", "./ACME001-long-sequences.yaml")
    assert ran.exit_code == 1
    assert (
        "FAIL  ACME001 ACME001-long-sequences.yaml:29  metrics\n      expected fires, got silent\n"
        in ran.stdout
    )
    assert ran.stdout.endswith("1 rule: 1 test held, 1 failed\n")


def test_a_fact_that_a_test_forgets_is_named(attnprobe: Attnprobe, tmp_path: Path) -> None:
    written(tmp_path, ("{core_flops_share: 0.26, kv_len", "{kv_len"))
    said = attnprobe("rules", "test", "./ACME001-long-sequences.yaml").stdout
    assert "expected fires, got not measured (core_flops_share missing)" in said


@pytest.mark.parametrize(
    ("expected", "share", "exit_code", "message"),
    [
        ("true", "0.24", 0, "3 tests held"),
        ("false", "0.25", 0, "3 tests held"),
        ("['']", "0.24", 1, "silent at"),
        ("[]", "0.24", 1, "fires at"),
        ("true", "0.26", 1, "expected a finding, got passed"),
        ("false", "0.24", 1, "expected no finding, got fired"),
    ],
)
def test_samples_are_scanned_in_a_process_of_their_own(
    expected: str, share: str, exit_code: int, message: str, attnprobe: Attnprobe, tmp_path: Path
) -> None:
    _with_sample(tmp_path, expected, share)
    ran = attnprobe("rules", "test", "./ACME001-long-sequences.yaml", "-q")
    assert message in ran.stdout
    assert ran.exit_code == exit_code


def test_a_sample_that_cannot_be_scanned_fails_its_test_alone(attnprobe: Attnprobe, tmp_path: Path) -> None:
    _with_sample(tmp_path, "true", "0.24")
    (tmp_path / "model.py").write_text("raise SystemExit('no')")
    ran = attnprobe("rules", "test", "./ACME001-long-sequences.yaml", "-q")
    assert ran.exit_code == 1
    assert "the sample could not be scanned: " in ran.stdout
    assert "2 tests held, 1 failed" in ran.stdout


def test_samples_can_be_left_out(attnprobe: Attnprobe, tmp_path: Path) -> None:
    _with_sample(tmp_path, "true", "0.24")
    assert (
        "2 tests held, 0 failed"
        in attnprobe("rules", "test", "--no-samples", "./ACME001-long-sequences.yaml").stdout
    )


def test_rules_of_ours_are_tested_by_id_name_or_prefix(attnprobe: Attnprobe) -> None:
    assert attnprobe("rules", "test", "AP002", "--no-samples").stdout.startswith("1 rule: ")
    assert attnprobe("rules", "test", "unused-ignore", "--no-samples").stdout.startswith("1 rule: ")
    assert attnprobe("rules", "test", "AP00", "--no-samples").stdout.startswith("6 rules: ")


def test_a_rule_that_nobody_has_offers_the_nearest(attnprobe: Attnprobe) -> None:
    ran = attnprobe("rules", "test", "AP0O2")
    assert ran.exit_code == 2
    assert "no rule is named 'AP0O2'; did you mean 'AP002'?" in ran.stderr
