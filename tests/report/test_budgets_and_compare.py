"""Budgets as bars, and two scans side by side."""

from dataclasses import replace

import pytest
from judged_scans import BUDGETS, comparison, judged_scan

from attnprobe.records import Change
from attnprobe.report.page.budgets import budgets
from attnprobe.report.page.compare import compare, verdict
from attnprobe.report.page.method import method
from attnprobe.report.parts.catalogue import both


def english(words) -> str:
    return both(words).en.replace("\u00a0", " ")


def rows(table):
    return [tuple(english(cell) for cell in row) for row in table.rows]


def test_a_missed_budget_shows_where_the_limit_lies():
    missed, unknown, met = budgets(judged_scan())
    # 1.53 TF of 1.47084 TF: 1.0402 times the limit, which lies at 96.1 % of the bar
    assert (missed.width, missed.mark, english(missed.room)) == ("100.0%", "96.1%", "4.0 % over")
    assert (english(missed.verdict), missed.value, missed.limit) == ("missed", "1.53\u00a0TF", "1.47\u00a0TF")
    assert [english(note) for note in missed.notes] == [
        "written as +2%", "before: 1.44 TF, +6.1 %", "fails the check", "pyproject.toml:31"
    ]  # fmt: skip
    # 48 KiB of 64
    assert (met.width, met.mark, english(met.room)) == ("75.0%", "", "25 % left")
    assert [english(note) for note in met.notes] == ["written as 64 KiB", "pyproject.toml:32"]
    assert (unknown.value, unknown.width, unknown.room) == ("–", "0.0%", "")
    assert english(unknown.notes[-2]) == "a time is only compared in paired runs"


@pytest.mark.parametrize("limit", [0, -1, None])
def test_a_budget_without_room_to_draw_is_still_told(limit):
    (gauge,) = budgets(replace(judged_scan(), budgets=(replace(BUDGETS[1], limit=limit, is_met=False),)))
    assert (gauge.state, gauge.width, gauge.room) == ("missed", "0.0%", "")


def test_the_budget_with_the_least_room_comes_first():
    near, far = replace(BUDGETS[1], value=65000), replace(BUDGETS[1], value=1)
    assert [gauge.width for gauge in budgets(replace(judged_scan(), budgets=(far, near)))] == [
        "99.2%",
        "0.0%",
    ]


def test_totals_are_compared_in_words_and_glyphs():
    content = compare(judged_scan())
    totals, sites, found = content.tables
    assert rows(totals)[0] == ("FLOPs, forward", "1.44 TF", "1.53 TF", "+6.1 %", "▲ worse")
    assert rows(totals)[2][3:] == ("−50 %", "▼ better")
    assert rows(totals)[3][3:] == ("0 %", "= no change")
    assert rows(totals)[4][4] == "≈ within the noise: ±2.4 % over 7 paired runs"
    assert rows(totals)[5][1:] == ("–", "–", "–", "? not comparable: base ran on cuda")
    assert rows(sites)[0] == ("blocks.{20..23}.attn", "–", "dot_product 16/4", "–", "+ added")
    assert rows(sites)[1][4] == "− removed"
    assert rows(sites)[2][1:3] == ("kv_heads 8", "kv_heads 4")
    assert rows(found)[0] == (
        "AP105 · A mask value that is unsafe in the dtype · blocks.{0..23}.attn", "–", "24", "–", "+ added"
    )  # fmt: skip
    assert rows(found)[1][0] == "AP204 · blocks.{0..23}.attn"
    assert (content.base, content.reasons) == ("origin/main (1a2b3c4)", ("torch 2.12 and 2.13",))


def test_the_arrow_is_the_direction_and_the_word_the_judgement():
    change = Change(kind="total", name="x", where="", base=2, head=1, relative=-0.5, verdict="worse")
    assert english(verdict(change)) == "▼ worse"
    assert both(verdict(change)).zh == "▼ 变差"


def test_many_changes_are_cut_with_a_notice():
    change = comparison().changes[0]
    many = replace(comparison(), changes=tuple(replace(change, name=f"m{n}") for n in range(301)))
    (table,) = compare(replace(judged_scan(), comparison=many)).tables
    assert len(table.rows) == 300
    assert english(table.note).startswith("Showing 300 of 301.")


def test_the_method_says_under_which_rules_the_findings_came_about():
    content = method(judged_scan())
    assert [(english(fact.label), english(fact.value)) for fact in content.judgement] == [
        ("Check", "failed"),
        ("Fails on", "Error"),
        ("Hash of the rules", "0f1e2d3c4b5a6978"),
        ("Rule packs", "core 0.1.0 (66 rules), acme-rules 1.2.0 (1 rule)"),
        ("Configuration", "pyproject.toml"),
        ("Baseline", "attnprobe-baseline.json (2026-10-02)"),
    ]
    assert content.stale == ("AP204 blocks.{0..23}.attn",)
    assert method(replace(judged_scan(), judgement=None)).judgement == ()
