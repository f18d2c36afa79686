"""What the page and the summary say of findings, before it is drawn."""

import tomllib
from dataclasses import replace
from fnmatch import fnmatchcase

import pytest
from judged_findings import (
    ALL,
    FINGERPRINTS,
    heads_finding,
    mask_finding,
    model_finding,
    scores_finding,
)
from judged_scans import judged_scan, judgement, many_findings, passed_scan
from sample_scans import gpt_scan, rich_scan

from attnprobe.records import Instance, Limit, Location, RuleOutcome
from attnprobe.report.page.findings.section import CARDS_SHOWN, PLACES_OF_ONE, findings
from attnprobe.report.page.sections import sections
from attnprobe.report.page.summary import summary
from attnprobe.report.parts.catalogue import both
from attnprobe.report.parts.evidence import evidence_shown, evidence_title, limit_shown
from attnprobe.report.parts.findings import ordered
from attnprobe.report.parts.ignoring import ignore_snippets
from attnprobe.report.parts.outcomes import tally
from attnprobe.report.parts.safe_text import as_glob
from attnprobe.report.parts.savings import amount, best_exact, in_short, remedies
from attnprobe.report.parts.verdict import details, headline


def english(words) -> str:
    return both(words).en.replace("\u00a0", " ")


def chinese(words) -> str:
    return both(words).zh.replace("\u00a0", " ")


def rows(table, language=english):
    return [tuple(language(cell) for cell in row) for row in table.rows]


def card_of(rule, scan=None):
    return next(card for card in findings(scan or judged_scan()).cards if card.rule == rule)


def test_errors_stand_first_then_what_saves_most_of_the_model():
    small = replace(scores_finding(), savings=(replace(scores_finding().savings[0], of_model=0.01),))
    known = (heads_finding(), small, scores_finding(), mask_finding())
    assert [(each.rule, len(each.savings)) for each in ordered(known)] == [
        ("AP105", 0), ("AP301", 2), ("AP301", 1), ("AP601", 0)
    ]  # fmt: skip


def test_a_saving_below_zero_is_no_reason_to_stand_first():
    assert [each.rule for each in ordered((heads_finding(), model_finding()))] == ["AP302", "AP601"]
    assert card_of("AP302").saving == ""


def test_the_tally_counts_every_outcome():
    assert english(tally(judged_scan())) == (
        "7 findings (2 errors, 3 warnings, 2 info), 1 rule passed, 1 not measured (the inputs are random), "
        "1 not applicable, 2 ignored"
    )
    assert chinese(tally(judged_scan())) == (
        "7 项结果（2 个错误、3 个警告、2 个提示），1 条规则通过，1 条未能测量（输入是随机的），"
        "1 条不适用，2 项已忽略"
    )
    assert english(tally(passed_scan())).startswith("No findings, 10 rules passed, 1 not measured")


def test_a_reason_too_long_for_a_line_is_left_to_the_list():
    outcome = RuleOutcome(rule="AP502", outcome="not_measured", subjects=0, reason="because " * 20)
    assert english(tally(replace(passed_scan(), outcomes=(outcome,)))) == "No findings, 1 not measured"


def test_a_reason_of_few_rules_does_not_speak_for_all():
    outcomes = tuple(
        RuleOutcome(rule=f"AP{n}", outcome="not_measured", subjects=0, reason=f"no {n}") for n in range(5)
    )
    assert english(tally(replace(passed_scan(), outcomes=outcomes))) == "No findings, 5 not measured"
    same = tuple(replace(each, reason="no data") for each in outcomes[:2])
    told = english(tally(replace(passed_scan(), outcomes=(*same, *outcomes[2:]))))
    assert told == "No findings, 5 not measured (no data; no 2)"


def test_the_headline_counts_findings_and_no_finding_is_not_said_to_be_health():
    assert english(headline(judged_scan())) == (
        "2 errors, 3 warnings, 2 info. Attention is 44 % of the FLOPs, in 24 sites of 2 groups."
    )
    assert english(headline(passed_scan())).startswith("No findings: 10 rules passed, 1 not measured. Atten")
    assert english(headline(gpt_scan())).startswith("Attention is 44 %")


def test_the_largest_exact_saving_is_named_and_none_is_summed():
    found, saving = best_exact(judged_scan())
    assert (found.rule, saving.remedy, saving.of_model) == ("AP301", "sdpa", 0.45)
    # 24 sites x 16 heads x 2048 x 2048 scores x 4 bytes = 6 GiB
    assert english(in_short(judged_scan(), saving)) == (
        "Activations kept for backward −6 GiB, −45 % of the model (modelled)"
    )
    assert english(details(judged_scan())[-1]).endswith("−45 % of the model (modelled), by AP301.")


def test_a_number_of_health_has_no_share_of_the_model():
    saving = replace(scores_finding().savings[0], metric="nearest_twin", amount=0.5, of_model=0.4)
    scan = replace(judged_scan(), findings=(replace(scores_finding(), savings=(saving,)),))
    assert english(in_short(scan, saving)) == "Most alike other head −0.5, −40 % (modelled)"
    assert best_exact(scan) is None


def test_what_would_cost_says_so():
    (saving,) = model_finding().savings
    assert amount(judged_scan(), saving).replace("\u00a0", " ") == "+1 KiB"
    assert english(in_short(judged_scan(), saving)) == (
        "would cost: KV cache per token +1 KiB, +2 % of the model (modelled)".replace("2 %", "2.0 %")
    )


def test_each_remedy_has_its_own_savings():
    exact, approximate = remedies(scores_finding())
    assert (exact.name, exact.is_exact, [s.of_model for s in exact.savings]) == ("sdpa", True, [0.45])
    assert (approximate.options, approximate.is_exact) == ("sliding_window window_size=512", False)
    (orphan,) = remedies(model_finding())
    assert (orphan.suggestion, orphan.change) == (None, "mla")


def test_a_card_says_what_where_and_by_which_numbers():
    card = card_of("AP301")
    assert card.anchor == f"f-{FINGERPRINTS['AP301']}"
    assert english(card.where) == "24 of 24: blocks.{0..23}.attn"
    assert chinese(card.where) == "24/24 处：blocks.{0..23}.attn"
    assert (card.line, english(card.function)) == ("model.py:58", "in forward")
    assert [english(mark) for mark in card.marks] == ["worsened"]
    assert rows(card.evidence) == [
        ("Saved scores, of the activations", "58 %", "> 20 %", "↓ lower", "AP301.share")
    ]
    assert card.condition == "saved_score_share > opt_share"
    assert card.formula == "saved_score_share = 0.58 > 0.2 = opt_share"
    assert [(letter, anchor) for anchor, letter in card.groups] == [("A", "group-A"), ("B", "group-B")]
    assert chinese(card.message) == f"{ALL}：保存的得分占激活的 58 %"
    first, second = card.ways
    assert rows(first.savings) == [("Activations kept for backward", "−6 GiB", "−90 %", "−45 %", "modelled")]
    assert english(first.exactness) == "exact"
    assert chinese(second.change) == "每个查询只看 512 个词元。"


def test_the_value_of_an_enumeration_is_its_label():
    card = card_of("AP105")
    assert rows(card.evidence) == [("Mask constant and the dtype", "overflows", "≠ safe")]
    assert [english(mark) for mark in card.marks] == ["fails the check", "new"]


def test_without_a_baseline_nothing_is_new():
    scan = replace(judged_scan(), judgement=judgement(baseline=""))
    assert [english(mark) for mark in card_of("AP105", scan).marks] == ["fails the check"]


def test_a_limit_whose_number_is_missing_is_shown_all_the_same():
    assert rows(card_of("AP901").evidence) == [
        ("FLOPs, forward", "1.53 TF", "", "", ""),
        ("Relative change", "–", "> 0.02", "↓ lower", "AP901.growth"),
    ]


def test_a_limit_beside_the_point_is_left_to_the_formula():
    aside = Limit(metric="kv_len", comparison=">=", limit=2048)
    found = replace(scores_finding(), limits=(*scores_finding().limits, aside))
    table = card_of("AP301", replace(judged_scan(), findings=(found,))).evidence
    assert [row[0] for row in rows(table)] == ["Saved scores, of the activations"]


def test_what_is_known_without_measuring_has_a_name_in_both_languages():
    scan = judged_scan()
    assert chinese(evidence_title(scan, "kv_len")) == "键的长度"
    assert english(evidence_title(scan, "model_flops_core")) == "Core, nominal: every pair, whole model"
    assert english(evidence_shown(scan, "model_flops_core", 4e12)) == "4 TF"
    assert english(evidence_shown(scan, "is_causal", True)) == "yes"
    assert english(evidence_shown(scan, "kv_len", None)) == "–"
    assert english(limit_shown(scan, Limit(metric="kv_len", comparison=">=", limit=2048))) == "≥ 2,048"


def test_places_are_told_by_what_differs():
    table = card_of("AP301").places.table
    assert [english(column.title) for column in table.columns] == [
        "Site",
        "Saved scores, of the activations",
        "Line",
    ]
    assert rows(table)[:2] == [
        ("blocks.0.attn", "58 %", "model.py:58"),
        ("blocks.1.attn", "57 %", "model.py:59"),
    ]
    same = card_of("AP105").places
    assert (same.table, same.same[:2]) == (None, ("blocks.0.attn", "blocks.1.attn"))
    assert card_of("AP302").places is None
    assert rows(card_of("AP601").places.table) == [
        ("blocks.7.attn", "2, 5", "0.982", "layers/注意力 block.py:7"),
        ("blocks.8.attn", "0, 1", "0.961", "–"),
    ]  # fmt: skip


def test_many_places_are_cut_with_a_notice():
    places = tuple(Instance(site=f"h.{n}", heads=(), evidence={"x": n}) for n in range(PLACES_OF_ONE + 1))
    scan = replace(judged_scan(), findings=(replace(scores_finding(), instances=places),))
    table = card_of("AP301", scan).places.table
    assert len(table.rows) == PLACES_OF_ONE
    assert english(table.note).startswith("Showing 500 of 501.")


def test_many_findings_are_cards_then_lines():
    content = findings(many_findings(CARDS_SHOWN + 3))
    assert len(content.cards) == CARDS_SHOWN
    assert english(content.rest.caption) == "3 further findings"
    assert rows(content.rest)[0] == (
        "AP301", "Warning", "Scores are kept for the backward pass", "1 of 24: blocks.60.attn", "model.py:58"
    )  # fmt: skip


def test_anchors_are_unique_and_made_of_harmless_letters_alone():
    twins = (mask_finding(), mask_finding(), replace(mask_finding(), fingerprint='"><script>'))
    cards = findings(replace(judged_scan(), findings=twins)).cards
    assert [card.anchor for card in cards] == ["f-3fa94c1b2e6d7a80", "f-3fa94c1b2e6d7a80-2", "f-3"]


def test_filters_offer_what_there_is_to_choose():
    severity, category = findings(judged_scan()).filters
    assert [choice.key for choice in severity.choices] == ["error", "warning", "info"]
    assert [english(choice.label) for choice in category.choices] == [
        "Change", "Correctness", "Efficiency", "Memory", "Redundancy"
    ]  # fmt: skip
    assert [each.name for each in findings(many_findings(9)).filters] == []


def test_rules_without_a_finding_are_listed_with_the_reason():
    missing, unfit, passed = findings(judged_scan()).lists
    assert (missing.anchor, missing.is_open) == ("rules-not-measured", True)
    assert english(missing.reasons[0].rules[0].note) == "the inputs are random"
    assert chinese(unfit.reasons[0].rules[0].note) == "权重看起来未经训练"
    (line,) = passed.reasons[0].rules
    assert (line.rule, chinese(line.title), line.note) == ("AP101", "得分未缩放", "")


def test_a_reason_that_rules_share_is_read_once():
    why = {"en": "the inputs are random", "zh": "输入是随机的"}
    names = {"AP601": why, "AP502": why, "AP101": {"en": "no map"}}
    outcomes = tuple(
        RuleOutcome(rule=rule, outcome="not_measured", subjects=0, reasons=text)
        for rule, text in names.items()
    )
    (missing,) = findings(replace(passed_scan(), outcomes=outcomes)).lists
    assert [(english(each.why), [rule.rule for rule in each.rules]) for each in missing.reasons] == [
        ("the inputs are random", ["AP502", "AP601"]), ("", ["AP101"])
    ]  # fmt: skip


def test_a_rule_that_passed_where_it_could_look_says_where_it_could_not():
    outcome = RuleOutcome(rule="AP101", outcome="passed", subjects=24, partly=3)
    (passed,) = findings(replace(passed_scan(), outcomes=(outcome,))).lists
    assert english(passed.reasons[0].rules[0].note) == "not measured at 3 of 24"


def test_what_is_ignored_is_listed_with_who_decided_it_and_until_when():
    assert rows(findings(judged_scan()).ignored) == [
        ("AP202", "The quadratic part dominates", "1 of 24: blocks.3.attn",
         "retrieval heads need the full context", "2027-03-31", "@lin", "pyproject.toml:31"),
        ("AP205", "Attention weights that nobody reads", "1 of 24: blocks.3.attn", "the caller plots them",
         "for ever", "–", "model.py:58"),
    ]  # fmt: skip


def test_the_ignore_to_copy_is_read_by_the_configuration():
    snippets = ignore_snippets(scores_finding())
    (entry,) = tomllib.loads(snippets.toml)["tool"]["attnprobe"]["ignore"]
    assert (entry["rule"], entry["site"]) == ("AP301", "blocks.{0..23}.attn")
    assert snippets.comment.startswith("# attnprobe: ignore[AP301] -- ")
    model = ignore_snippets(model_finding())
    assert "site" not in tomllib.loads(model.toml)["tool"]["attnprobe"]["ignore"][0]
    assert model.comment == ""


@pytest.mark.parametrize("name", ["layers[mod].attn", "a\u202eb", 'quo"te', "注意力.0", "x" * 5000])
def test_the_ignore_of_an_odd_name_still_matches_it(name):
    toml = ignore_snippets(replace(mask_finding(), sites=(name,), where=name)).toml
    (entry,) = tomllib.loads(toml)["tool"]["attnprobe"]["ignore"]
    assert fnmatchcase(name, entry["site"])
    assert "\u202e" not in toml


def test_a_glob_matches_no_more_than_the_name():
    assert as_glob("h[0].*") == "h[[]0].[*]"
    assert not fnmatchcase("h0.x", as_glob("h[0].*"))


def test_the_first_screen_shows_three_findings_and_the_tightest_budgets():
    first = summary(judged_scan())
    assert [item.rule for item in first.findings] == ["AP105", "AP901", "AP301"]
    assert [item.anchor for item in first.findings] == [
        card.anchor for card in findings(judged_scan()).cards[:3]
    ]
    assert [english(item.remedy or item.message) for item in first.findings] == [
        "Use torch.finfo(dtype).min as the mask value.",
        "flops_forward grew from 1.44 TF to 1.53 TF (+6.1 %)",
        "Call scaled_dot_product_attention.",
    ]
    assert english(first.more_findings) == "4 more findings"
    assert english(first.rules_warning) == "1 rule could not be measured, so its silence says nothing."
    assert [gauge.state for gauge in first.budgets] == ["missed", "unknown", "met"]


def test_savings_are_said_to_overlap_where_there_are_several():
    assert english(summary(judged_scan()).overlap).startswith("Savings overlap")
    assert summary(rich_scan()).overlap == ""


def test_a_rule_that_the_scan_has_no_card_of_is_told_by_its_name():
    card = card_of("AP301", replace(rich_scan(), rules={}))
    assert (card.title, card.why, card.category) == ("math kernel fallback", "", "")


def test_findings_stand_first_where_rules_were_applied():
    assert [s.anchor for s in sections(judged_scan())][:4] == ["findings", "budgets", "compare", "attention"]
    (first, *_) = sections(passed_scan())
    assert [english(title) for _, title in first.parts] == ["Not measured", "Not applicable", "Passed"]
    assert [s.anchor for s in sections(gpt_scan()) if s.anchor in ("budgets", "compare")] == []


def test_a_finding_of_one_site_in_a_model_of_one_site_is_not_counted():
    scan = replace(judged_scan(), sites=judged_scan().sites[:1])
    place = {"sites": ("blocks.0.attn",), "where": "blocks.0.attn", "location": Location("a.py", 1, "")}
    found = replace(scores_finding(), **place)
    card = card_of("AP301", replace(scan, findings=(found,)))
    assert (card.where, card.function) == ("blocks.0.attn", "")
