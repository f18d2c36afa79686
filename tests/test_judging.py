"""The order of judging: what is ignored, compared, suggested, and when a check passes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from attnprobe.checking.baselines import made_of, written
from attnprobe.judging import judge
from attnprobe.records import Budget, IgnoreEntry, Location, Scan, Settings
from tests.report.sample_scans import gpt_scan

WIDE_HEADS = """
schema: 1
id: ZZ101
name: wide-heads
since: "0.1.0"
status: stable
category: efficiency
severity: error
precision: high
level: site
requires: [head_dim]
when: head_dim > opt_limit
options:
  limit: {type: int, default: 32, min: 1}
evidence:
  - {metric: head_dim, want: lower}
text:
  title: {en: "Wide heads", zh: "注意力头过宽"}
  message: {en: "{site} has heads of {head_dim:int}", zh: "{site} 的头宽度为 {head_dim:int}"}
  why: {en: "For this test.", zh: "用于本测试。"}
  how: {en: "Read from the site.", zh: "取自位置字段。"}
  wrong_when: {en: "never", zh: "无"}
references: ["attnprobe, tests"]
tests:
  - {metrics: {head_dim: 33}, fires: true}
  - {metrics: {head_dim: 32}, fires: false}
"""
TODAY = "2026-11-21"


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    folder = tmp_path / "pack"
    folder.mkdir()
    (folder / "ZZ101-wide-heads.yaml").write_text(WIDE_HEADS)
    return folder


def settings(pack: Path, **given: object) -> Settings:
    return replace(
        Settings(packs=(str(pack),), select=("ZZ", "AP002", "AP003", "AP004"), today=TODAY), **given
    )


def test_one_finding_for_the_layers_of_a_group(pack: Path, tmp_path: Path) -> None:
    judged = judge(gpt_scan(), settings(pack), root=tmp_path)  # 24 sites with heads of 64
    finding, other = judged.findings  # two groups: every fourth layer sees everything
    assert other.where == "blocks.{3,7,11,15,19,23}.attn"
    assert len(finding.instances) == 18
    assert len(other.instances) == 6
    assert finding.formula == "64 > 32"
    assert (finding.limits[0].metric, finding.limits[0].limit, finding.limits[0].option) == (
        "head_dim",
        32,
        "limit",
    )
    assert judged.rules["ZZ101"].title["zh"] == "注意力头过宽"


def test_an_error_fails_the_check_and_a_lower_severity_does_not(pack: Path, tmp_path: Path) -> None:
    assert judge(gpt_scan(), settings(pack), root=tmp_path).judgement.passed is False
    milder = settings(pack, severity={"ZZ101": "warning"})
    assert judge(gpt_scan(), milder, root=tmp_path).judgement.passed is True
    strict = settings(pack, severity={"ZZ101": "warning"}, fail_on="warning")
    assert judge(gpt_scan(), strict, root=tmp_path).judgement.passed is False


def test_an_ignored_finding_is_listed_with_its_reason_and_fails_nothing(pack: Path, tmp_path: Path) -> None:
    ignore = IgnoreEntry(rules=("ZZ101",), reason="wide on purpose, see #4", origin="pyproject.toml:3")
    judged = judge(gpt_scan(), settings(pack, ignores=(ignore,)), root=tmp_path)
    assert [each.rule for each in judged.findings] == []
    assert judged.ignored[0].finding.rule == "ZZ101"
    assert judged.ignored[0].reason == "wide on purpose, see #4"
    assert judged.judgement.passed


def test_an_ignore_of_some_sites_leaves_the_others(pack: Path, tmp_path: Path) -> None:
    ignore = IgnoreEntry(rules=("ZZ101",), site="blocks.0.*", reason="the first is special", origin="a:1")
    judged = judge(gpt_scan(), settings(pack, ignores=(ignore,)), root=tmp_path)
    finding = judged.findings[0]
    assert finding.where == "blocks.{1,2,4,5,6,8,9,10,12,13,14,16,17,18,20,21,22}.attn"
    assert judged.ignored[0].finding.sites == ("blocks.0.attn",)


def test_ignores_are_findings_when_they_are_unused_expired_or_without_reason(
    pack: Path, tmp_path: Path
) -> None:
    ignores = (
        IgnoreEntry(rules=("ZZ101",), site="decoder.*", reason="nothing is called so", origin="p.toml:1"),
        IgnoreEntry(rules=("ZZ101",), until="2026-11-20", reason="until yesterday only", origin="p.toml:2"),
        IgnoreEntry(rules=("ZZ101",), reason="short", origin="p.toml:3"),
    )
    judged = judge(gpt_scan(), settings(pack, ignores=ignores), root=tmp_path)
    lines = {each.rule: each.location for each in judged.findings}
    assert lines == {
        "AP002": Location("p.toml", 1, ""),
        "AP003": Location("p.toml", 2, ""),
        "AP004": Location("p.toml", 3, ""),
    }


def test_a_comment_at_the_line_ignores(pack: Path, tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(
        "\n".join([""] * 40 + ["x = 1  # attnprobe: ignore[ZZ101] -- it is meant"])
    )
    location = Location("model.py", 41, "forward")
    scan = replace(
        gpt_scan(), sites=tuple(replace(site, location=location, lines={}) for site in gpt_scan().sites)
    )
    judged = judge(scan, settings(pack), root=tmp_path)
    assert [each.rule for each in judged.findings] == []
    assert judged.ignored[0].origin == "model.py:41"


def test_judging_again_replaces_what_was_judged_before(pack: Path, tmp_path: Path) -> None:
    once = judge(gpt_scan(), settings(pack), root=tmp_path)
    assert judge(once, settings(pack), root=tmp_path) == once
    none = judge(once, settings(pack, deselect=("ZZ101",)), root=tmp_path)
    assert none.findings == ()
    assert "ZZ101" not in none.rules


def test_a_comparison_with_the_version_before(pack: Path, tmp_path: Path) -> None:
    before, after = gpt_scan(), _with_totals(gpt_scan(), 2)
    judged = judge(
        after, settings(pack, select=("AP901",)), root=tmp_path, base=before, base_name="main", head_name="pr"
    )
    assert (judged.comparison.base, judged.comparison.head) == ("main", "pr")
    (finding,) = judged.findings
    assert (finding.rule, finding.sites) == ("AP901", ())
    assert next(c for c in judged.comparison.changes if c.name == "flops_forward").relative == 1.0


def test_without_a_version_before_rules_about_change_are_not_applicable(pack: Path, tmp_path: Path) -> None:
    judged = judge(gpt_scan(), settings(pack, select=("AP9",)), root=tmp_path)
    assert {each.outcome for each in judged.outcomes} == {"not_applicable"}
    assert judged.outcomes[0].reasons["zh"] == "没有可比较的扫描"


def test_a_budget_that_is_broken_fails(pack: Path, tmp_path: Path) -> None:
    budget = Budget(metric="flops_forward", text="1 F", limit=1, origin="pyproject.toml:9")
    judged = judge(gpt_scan(), settings(pack, select=("AP9",), budgets=(budget,)), root=tmp_path)
    assert judged.budgets[0].is_met is False
    assert judged.judgement.passed is False


def test_what_a_baseline_knows_fails_nothing(pack: Path, tmp_path: Path) -> None:
    first = judge(gpt_scan(), settings(pack), root=tmp_path)
    (tmp_path / "known.json").write_text(written(made_of(first, settings(pack))))
    again = judge(gpt_scan(), settings(pack, baseline="known.json"), root=tmp_path)
    assert {each.state for each in again.findings} == {"known"}
    assert again.judgement.passed
    assert again.judgement.baseline == f"known.json {TODAY}"


def test_what_a_baseline_holds_in_vain_fails_only_when_asked(pack: Path, tmp_path: Path) -> None:
    first = judge(gpt_scan(), settings(pack), root=tmp_path)
    (tmp_path / "known.json").write_text(written(made_of(first, settings(pack))))
    milder = settings(pack, baseline="known.json", options={"ZZ101": {"limit": 64}})
    mended = judge(gpt_scan(), milder, root=tmp_path, allow_mismatch=True)
    assert len(mended.judgement.stale) == 2
    assert mended.judgement.passed
    strict = judge(gpt_scan(), milder, root=tmp_path, allow_mismatch=True, strict_baseline=True)
    assert strict.judgement.passed is False


def _with_totals(scan: Scan, factor: int) -> Scan:
    flops = scan.totals["flops_forward"]
    assert flops is not None
    return replace(scan, totals={**scan.totals, "flops_forward": flops * factor})
