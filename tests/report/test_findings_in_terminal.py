"""The findings in the summary for the terminal."""

import re
from dataclasses import replace

import pytest
from hostile_names import HOSTILE_NAMES
from judged_findings import ALL, mask_finding
from judged_scans import judged_scan, many_findings, passed_scan, renamed_judged_scan
from rich.cells import cell_len
from sample_scans import gpt_scan

from attnprobe.records import Limit
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.summary.printing import fitted, summary_text


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def lines_of(scan, language="en", width=110) -> list[str]:
    return [squeezed(line).strip() for line in summary_text(scan, language, width=width).splitlines()]


def test_each_finding_is_told_by_rule_place_number_and_remedy():
    lines = lines_of(judged_scan())
    start = lines.index("Warning AP301 Scores are kept for the backward pass model.py:58")
    assert lines[start + 1 : start + 5] == [
        "24 of 24: blocks.{0..23}.attn",
        "Saved scores, of the activations 58 % > 20 %",
        "→ Call scaled_dot_product_attention. (exact)",
        "Activations kept for backward −6 GiB, −45 % of the model (modelled)",
    ]
    assert lines[-2:] == ["Savings overlap: do not add them up.", "Next attnprobe explain AP105"]


def test_a_finding_without_a_limit_is_told_by_its_message():
    lines = lines_of(judged_scan())
    assert lines[lines.index("Error AP901 More FLOPs than before") + 2].startswith("flops_forward grew from")


def test_a_state_is_told_by_its_message_not_as_one_that_equals_one():
    limits = (Limit(metric="has_residual", comparison="==", limit=0),)
    found = replace(mask_finding(), evidence={"has_residual": 0}, limits=limits)
    lines = lines_of(replace(judged_scan(), findings=(found,)))
    assert f"{ALL}: the mask constant −1e9 overflows in float16" in lines


def test_the_tally_stands_above_the_findings_and_they_stand_last():
    text = squeezed(summary_text(judged_scan(), "en"))
    tally = text.index("7 findings (2 errors, 3 warnings, 2 info), 1 rule passed, 1 not measured")
    assert text.index("Not measured normalised_entropy") < tally < text.index("Error AP105")


def test_in_chinese_the_rules_speak_chinese():
    lines = lines_of(judged_scan(), "zh")
    start = lines.index("警告 AP301 为反向传播保存了得分矩阵 model.py:58")
    assert lines[start + 3 : start + 5] == [
        "→ 改用 scaled_dot_product_attention。（精确）",
        "为反向保留的激活 −6 GiB，占整个模型 −45 %（模型推算）",
    ]
    assert lines[-1] == "下一步 attnprobe explain AP105"


def test_where_nothing_was_found_the_rules_are_counted_all_the_same():
    text = summary_text(passed_scan(), "en")
    assert "No findings, 10 rules passed, 1 not measured (the inputs are random), 1 not applicable" in text
    assert "attnprobe explain" not in text
    assert "No findings" not in summary_text(gpt_scan(), "en")


def test_one_saving_overlaps_with_nothing():
    assert "overlap" not in summary_text(replace(judged_scan(), findings=(mask_finding(),)), "en")


def test_many_findings_are_cut_and_counted():
    text = summary_text(many_findings(30), "en")
    assert text.count("AP301  Scores") == 8
    assert "and 22 more findings, in the report" in text


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [40, 60, 80, 95, 96, 120, 200])
def test_no_line_is_wider_than_the_terminal(width, language):
    for scan in (judged_scan(), passed_scan(), many_findings(30), renamed_judged_scan("x" * 1000)):
        for line in summary_text(scan, language, width=width).splitlines():
            assert cell_len(line) <= width


@pytest.mark.parametrize("language", ["en", "zh"])
def test_nothing_of_a_finding_is_lost_where_it_is_narrow(language):
    wide, narrow = (
        re.sub(r"\s+", "", summary_text(judged_scan(), language, width=width)) for width in (110, 40)
    )
    for words in ("AP601", "blocks.{7,8}.attn", "layers/注意力block.py:7", "0.982>0.95", "−45%"):
        assert words in wide
        assert words in narrow


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=lambda name: ascii(name)[:24])
def test_a_hostile_name_in_a_finding_cannot_steer_the_terminal(name):
    text = summary_text(renamed_judged_scan(name), "en", width=400)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u2028\u202e\ud800]", text)
    assert not re.search(r"(?m)^\s*::|##\[", text)
    if len(name) < 40 and "##[" not in name:
        assert squeezed(safe(name)) in squeezed(text)


def test_colors_mark_the_severity_and_no_color_leaves_the_word():
    colored = summary_text(judged_scan(), "en", is_colored=True)
    assert re.search(r"\x1b\[1;31mError", colored)
    assert "\x1b" not in summary_text(judged_scan(), "en")
    assert re.sub(r"\x1b\[[\d;]*m", "", colored).count("Error ") == 2


def test_the_signs_of_limits_have_look_alikes():
    plain = fitted(summary_text(judged_scan(), "en"), "ascii")
    assert "Mask constant and the dtype overflows != safe" in plain
    assert "Activations kept for backward -6 GiB" in plain
