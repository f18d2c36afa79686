"""The verdict of a check as text: what it says, how wide it is, what a stream can show."""

import re
from dataclasses import replace

import pytest
from hostile_names import HOSTILE_NAMES
from judged_findings import mask_finding
from judged_scans import (
    judged_scan,
    judgement,
    many_findings,
    passed_scan,
    renamed_judged_scan,
    without_comparison,
)
from rich.cells import cell_len
from sample_scans import empty_scan, gpt_scan

from attnprobe.records import Limit, RuleOutcome
from attnprobe.report.summary.printing import fitted
from attnprobe.report.text_report import report, verdict_text


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def lines(scan, width=160):
    return [squeezed(line).strip() for line in verdict_text(scan, "en", width=width).splitlines()]


def test_the_first_line_is_the_verdict_against_the_baseline():
    assert lines(judged_scan())[0] == (
        "FAIL 5 new, 1 worsened, 1 known against attnprobe-baseline.json (2026-10-02), 2 ignored"
    )


def test_without_a_baseline_findings_are_counted_by_severity():
    scan = replace(judged_scan(), judgement=judgement(baseline=""))
    assert lines(scan)[0] == "FAIL 2 errors, 3 warnings, 2 info, 2 ignored"
    assert any(line.startswith("warning AP601") for line in lines(scan))


def test_a_finding_says_rule_place_title_line_number_limit_and_what_helps():
    told = lines(judged_scan())
    start = next(place for place, line in enumerate(told) if "AP301" in line)
    assert told[start] == (
        "worsened warning AP301 blocks.{0..23}.attn Scores are kept for the backward pass model.py:58"
    )
    assert told[start + 1] == "saved scores are 58 % of the activations"
    assert told[start + 2] == "Saved scores, of the activations 58 % > 20 %"
    assert told[start + 3] == (
        "→ Call scaled_dot_product_attention. (exact) · "
        "Activations kept for backward −6 GiB, −45 % of the model (modelled)"
    )


def test_an_answer_of_yes_or_no_is_not_told_as_a_number():
    question = Limit(metric="flops_core", comparison="==", limit=1)
    labelled = Limit(metric="mask_value_unsafe", comparison="==", limit="overflows")
    evidence = {"flops_core": 1, "mask_value_unsafe": 1}
    found = replace(mask_finding(), limits=(question, labelled), evidence=evidence)
    told = lines(replace(judged_scan(), findings=(found,)))
    assert told[3] == "Mask constant and the dtype overflows"


def test_what_fails_the_check_comes_first_and_is_marked_without_colour():
    told = lines(judged_scan())
    assert told[1].startswith("! new error AP105 blocks.{0..23}.attn")
    marked = [line for line in told if line.startswith("! ")]
    assert [line.split()[3] for line in marked[:2]] == ["AP105", "AP901"]
    assert marked[2].startswith("! budget FLOPs, forward 1.53 TF > 1.47 TF (+6.1 %; budget +2%)")


def test_what_the_baseline_knows_is_counted_and_not_listed():
    assert not any("AP601" in line and "CKA" in line for line in lines(judged_scan()))


def test_a_budget_says_where_to_raise_it():
    changed = lines(judged_scan())
    assert "raise it in [tool.attnprobe.budgets.delta] flops_forward, pyproject.toml:31" in changed
    absolute = replace(judged_scan().budgets[1], is_met=False)
    told = lines(replace(judged_scan(), budgets=(absolute,)))
    assert "raise it in [tool.attnprobe.budgets] kv_cache_bytes_per_token, pyproject.toml:32" in told
    assert "budget Forward time: not known: a time is only compared in paired runs" in changed


def test_a_budget_without_a_base_is_not_known():
    unknown = replace(judged_scan().budgets[0], limit=None, base=None, is_met=None, reason="there is no base")
    told = lines(replace(judged_scan(), budgets=(unknown,)))
    assert "budget FLOPs, forward: not known: there is no base" in told


def test_notices_stale_entries_ignored_and_unmeasured_are_listed():
    told = lines(judged_scan())
    assert "notice the ignore of AP202 at pyproject.toml:31 expires in 9 days" in told
    assert "stale AP204 blocks.{0..23}.attn" in told
    assert "`attnprobe baseline prune` removes them" in told
    assert any(line.startswith("ignored AP202 blocks.3.attn · until 2027-03-31 · retrieval") for line in told)
    assert "not measured AP502: the inputs are random" in told
    assert "rest 1 rule passed, 1 not applicable, 1 budget met" in told


def test_rules_that_miss_different_metrics_for_one_cause_stand_in_one_line():
    outcomes = tuple(
        RuleOutcome(
            rule=rule,
            outcome="not_measured",
            subjects=0,
            reason=f"{metric}: nothing was run",
            reasons={"en": f"{metric}: nothing was run", "zh": f"未能测得：{metric}：没有运行"},
        )
        for rule, metric in (("AP1", "forward_ms"), ("AP2", "model_flops_core"), ("AP3", "no_metric"))
    )
    scan = replace(judged_scan(), outcomes=outcomes)
    told = lines(scan)
    assert "AP1、AP2：未能测得：没有运行" in verdict_text(scan, "zh")
    assert "not measured AP1, AP2: nothing was run" in told
    assert "AP3: no_metric: nothing was run" in told


def test_a_message_about_one_of_several_like_sites_does_not_repeat_it():
    found = replace(mask_finding(), messages={}, message="blocks.0.attn: the mask overflows")
    assert "the mask overflows" in lines(replace(judged_scan(), findings=(found,)))
    unlike = replace(found, instances=(found.instances[0], replace(found.instances[1], heads=(3,))))
    assert "blocks.0.attn: the mask overflows" in lines(replace(judged_scan(), findings=(unlike,)))


def test_the_comparison_has_a_word_beside_every_sign():
    told = lines(judged_scan())
    assert "FLOPs, forward 1.44 TF 1.53 TF +6.1 % ▲ worse" in told
    assert "KV cache per token 96 KiB 48 KiB −50 % ▼ better" in told
    assert "Forward time 61.2 ms 61.9 ms +1.1 % ≈ within the noise (±2.4 % over 7 paired runs)" in told
    assert "sites + added blocks.{20..23}.attn: dot_product 16/4" in told
    assert "~ changed blocks.{0..23}.attn: kv_heads 8 → kv_heads 4" in told
    assert "not comparable Peak memory, training step, measured: base ran on cuda" in told
    assert not any("origin/main" in line for line in lines(without_comparison()))


def test_numbers_beyond_the_table_are_counted_as_changed_or_not():
    scan = judged_scan()
    some = scan.comparison.changes[0]
    many = tuple(replace(some, name=f"number_{place}") for place in range(20))
    same = tuple(replace(some, name=f"same_{place}", verdict="same") for place in range(3))
    told = lines(replace(scan, comparison=replace(scan.comparison, changes=(*many, *same))))
    assert "and 8 more numbers that changed, 3 numbers did not change" in told  # 12 stand in the table


def test_the_last_lines_say_why_it_ended_so_and_what_is_exact():
    end = squeezed(verdict_text(judged_scan(), "en", width=200)).split("exit 1: ")[1]
    assert end.startswith("2 blocking findings, 1 budget broken · measured exactly: FLOPs, forward; KV cache")
    assert "not exact: Forward time; Most alike other head" in end
    assert "exit 0: nothing that blocks at or above error" in squeezed(verdict_text(passed_scan(), "en"))


def test_a_check_that_only_stale_entries_fail_says_so():
    scan = replace(passed_scan(), judgement=judgement(passed=False))
    assert "exit 1: 1 stale entry of the baseline" in squeezed(verdict_text(scan, "en"))


def test_a_scan_that_nobody_judged_does_not_pass():
    for scan in (gpt_scan(), empty_scan()):
        text = squeezed(verdict_text(scan, "en"))
        assert text.startswith("NOT JUDGED No rules were applied to this scan.")
        assert "PASS" not in text


def test_many_findings_are_cut_and_counted():
    assert "and 80 more findings, in the report" in squeezed(verdict_text(many_findings(100), "en"))


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [40, 60, 95, 96, 120, 200])
def test_no_line_is_wider_than_the_terminal(width, language):
    for scan in (judged_scan(), passed_scan(), empty_scan(), renamed_judged_scan("x" * 1000)):
        for line in verdict_text(scan, language, width=width).splitlines():
            assert cell_len(line) <= width


def test_nothing_is_lost_where_it_is_narrow():
    text = squeezed(verdict_text(judged_scan(), "en", width=60))
    for words in ("! new error AP105", "1.44 TF → 1.53 TF +6.1 % ▲ worse", "notice the ignore of AP202"):
        assert words in text


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=lambda name: ascii(name)[:24])
def test_a_hostile_name_cannot_steer_the_terminal(name):
    text = verdict_text(renamed_judged_scan(name), "en", width=400)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u2028\u202e\ud800]", text)
    assert not re.search(r"(?m)^\s*::|##\[", text)


def test_colours_are_the_only_escapes():
    text = verdict_text(renamed_judged_scan("\x1b]0;title\x07"), "en", is_colored=True)
    assert "\x1b[" in text
    assert "\x1b" not in re.sub(r"\x1b\[[\d;]*m", "", text)
    assert "\x1b" not in verdict_text(judged_scan(), "en")


def test_a_stream_that_is_not_unicode_gets_look_alikes():
    shown = fitted(verdict_text(replace(judged_scan(), findings=(mask_finding(),)), "en"), "ascii")
    assert "^ worse" in shown
    assert "~ within the noise" in shown
    assert "> Use torch.finfo" in shown


def test_the_chinese_text_speaks_chinese():
    text = verdict_text(judged_scan(), "zh")
    assert text.startswith(
        "未通过  5 项新增、1 项恶化、1 项已知 对照基线 attnprobe-baseline.json (2026-10-02)、2 项已忽略"
    )
    assert "掩码常数 −1e9 在 float16 中溢出" in text
    assert report.render(judged_scan(), "zh").decode() == text
