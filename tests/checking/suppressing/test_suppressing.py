from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from attnprobe.checking.suppressing import Suppressed, suppress
from attnprobe.records import Finding, IgnoreEntry, Instance, Location, RuleCard, RuleOutcome, Saving

TODAY = "2026-11-21"
SAVING = Saving(
    remedy="sdpa", metric="flops_forward", amount=1, local=0.5, of_model=0.1, status="modelled", formula="1"
)


def instance(site: str, line: int = 41) -> Instance:
    return Instance(
        site=site, heads=(), evidence={"score_gain": 8.0}, location=Location("model.py", line, "forward")
    )


def finding(*places: Instance, rule: str = "AP101", name: str = "unscaled-scores") -> Finding:
    return Finding(
        rule=rule,
        name=name,
        severity="error",
        sites=tuple(place.site for place in places if place.site),
        heads=(),
        location=places[0].location,
        message="h.{0..3}.attn: the scores are not scaled",
        evidence=places[0].evidence,
        savings=(SAVING,),
        suggestions=(),
        fingerprint="0123456789abcdef",
        messages={"en": "h.{0..3}.attn: the scores are not scaled", "zh": "h.{0..3}.attn：得分未缩放"},
        where="h.{0..3}.attn",
        instances=places,
    )


FOUR = finding(*(instance(f"h.{layer}.attn") for layer in range(4)))


def ignore(*rules: str, **rest: object) -> IgnoreEntry:
    return IgnoreEntry(rules=rules, origin="pyproject.toml:31", **rest)  # type: ignore[arg-type]


def card(rule: str, name: str) -> RuleCard:
    return RuleCard(
        id=rule,
        name=name,
        since="0.1.0",
        status="stable",
        category="correctness",
        severity="error",
        precision="high",
        level="site",
        when="True",
        options={},
        metrics=(),
        exactness="exact",
        title={"en": "Unscaled scores", "zh": "未缩放的得分"},
        why={},
        how={},
        wrong_when={},
        references=(),
        pack="core",
    )


CARDS = (card("AP101", "unscaled-scores"), card("AP102", "softmax-over-queries"))


def facts(result: Suppressed) -> Mapping[str, object]:
    (use,) = result.uses
    return use.facts


def test_without_ignores_every_finding_stays_as_it_is() -> None:
    result = suppress((FOUR,), (), TODAY)
    assert result.kept == (FOUR,)
    assert result.kept[0] is FOUR
    assert (result.ignored, result.uses, result.notices) == ((), (), ())


@pytest.mark.parametrize("code", ["AP101", "AP1", "AP", "unscaled-scores"])
def test_an_id_a_name_and_a_prefix_cover_the_finding(code: str) -> None:
    result = suppress((FOUR,), (ignore(code, reason="a temperature is learned", owner="@lin"),), TODAY)
    assert result.kept == ()
    (ignored,) = result.ignored
    assert ignored.finding is FOUR
    assert (ignored.reason, ignored.owner, ignored.until) == ("a temperature is learned", "@lin", "")
    assert ignored.origin == "pyproject.toml:31"
    assert facts(result)["findings"] == 4
    assert facts(result)["is_unused"] is False


@pytest.mark.parametrize("code", ["AP102", "AP2", "unscaled", "ap101"])
def test_another_code_covers_nothing(code: str) -> None:
    result = suppress((FOUR,), (ignore(code),), TODAY)
    assert result.kept == (FOUR,)
    assert facts(result)["is_unused"] is True


def test_a_finding_is_split_where_only_some_sites_are_covered() -> None:
    result = suppress((FOUR,), (ignore("AP101", site="h.{0..1}.attn"),), TODAY)
    (kept,), (ignored,) = result.kept, result.ignored
    assert kept.sites == ("h.2.attn", "h.3.attn")
    assert [place.site for place in kept.instances] == ["h.2.attn", "h.3.attn"]
    assert kept.where == "h.{2..3}.attn"
    assert kept.message == "h.{2..3}.attn: the scores are not scaled"
    assert kept.messages["zh"] == "h.{2..3}.attn：得分未缩放"
    assert kept.savings == ()  # they were of all four
    assert kept.fingerprint == FOUR.fingerprint
    assert ignored.finding.sites == ("h.0.attn", "h.1.attn")


def test_the_sentence_goes_with_the_place_it_was_written_for() -> None:
    worst = replace(instance("h.0.attn"), evidence={"score_gain": 9.0})
    same = replace(instance("h.1.attn"), evidence={"score_gain": 9.0})
    mild = instance("h.2.attn")
    texts = {"en": "h.0.attn: scores have a gain of 9", "zh": "h.0.attn：得分增益为 9"}
    whole = replace(finding(worst, same, mild), message=texts["en"], messages=texts, formula="9 > 8")

    def kept(*sites: str) -> Finding:
        entries = tuple(ignore("AP101", site=site) for site in sites)
        return suppress((whole,), entries, TODAY, rules=CARDS).kept[0]

    assert kept("h.2.attn").message == texts["en"]
    assert kept("h.0.attn").message == "h.1.attn: scores have a gain of 9"
    gone = kept("h.0.attn", "h.1.attn")
    assert gone.messages == {"en": "h.2.attn: Unscaled scores", "zh": "h.2.attn：未缩放的得分"}
    assert (gone.formula, gone.evidence) == ("", {"score_gain": 8.0})


def test_the_first_entry_that_covers_a_place_takes_it() -> None:
    entries = (ignore("AP101", site="h.0.attn", reason="first"), ignore("AP1", reason="second"))
    result = suppress((FOUR,), entries, TODAY)
    assert result.kept == ()
    assert [(each.reason, each.finding.sites[0]) for each in result.ignored] == [
        ("first", "h.0.attn"),
        ("second", "h.1.attn"),
    ]
    assert [use.facts["findings"] for use in result.uses] == [1, 4]


def test_a_finding_of_the_whole_model_is_covered_by_no_site_pattern() -> None:
    whole = finding(Instance(site="", heads=(), evidence={}))
    assert suppress((whole,), (ignore("AP101", site="h.*"),), TODAY).kept == (whole,)
    assert suppress((whole,), (ignore("AP101"),), TODAY).kept == ()


@pytest.mark.parametrize(
    ("until", "is_expired", "days_left", "kept"),
    [
        ("2026-11-20", True, -1, 1),
        ("2026-11-21", False, 0, 0),  # the last day is still part of it
        ("2026-11-22", False, 1, 0),
        ("", False, None, 0),
    ],
)
def test_an_ignore_ends_after_its_last_day(
    until: str, is_expired: bool, days_left: int | None, kept: int
) -> None:
    result = suppress((FOUR,), (ignore("AP101", until=until),), TODAY)
    assert len(result.kept) == kept
    assert facts(result)["is_expired"] is is_expired
    assert facts(result)["days_left"] == days_left
    assert facts(result)["is_unused"] is False  # an expired one still answers to findings


@pytest.mark.parametrize(
    ("until", "words"),
    [
        ("2026-11-21", "ends today"),
        ("2026-11-22", "ends in 1 day "),
        ("2026-12-05", "ends in 14 days"),
        ("2026-12-06", ""),
        ("2026-11-20", ""),
    ],
)
def test_an_ignore_in_use_that_ends_within_two_weeks_is_announced(until: str, words: str) -> None:
    entry = ignore("AP101", until=until, owner="@lin", reason="waiting for torch 2.16")
    notices = suppress((FOUR,), (entry,), TODAY).notices
    if words:
        assert len(notices) == 1
        assert f"{notices[0]} ".startswith(f"the ignore of AP101 at pyproject.toml:31 {words}")
        assert notices[0].endswith("(owner @lin: waiting for torch 2.16)")
    else:
        assert notices == ()
    assert suppress((), (entry,), TODAY).notices == ()


def test_an_ignore_longer_than_allowed_does_not_hold() -> None:
    entries = (ignore("AP101"), ignore("AP101", until="2027-03-31"), ignore("AP101", until="2026-12-21"))
    for entry, is_kept in zip(entries, (True, True, False), strict=True):
        result = suppress((FOUR,), (entry,), TODAY, max_days=30)
        assert bool(result.kept) is is_kept
        assert bool(result.notices) is is_kept
    notice = suppress((FOUR,), entries[:1], TODAY, max_days=30).notices[0]
    assert notice == (
        "the ignore of AP101 at pyproject.toml:31 does not hold: max-ignore-days is 30, it has no end"
    )


def outcome(rule: str, what: str, partly: int = 0) -> RuleOutcome:
    return RuleOutcome(rule=rule, outcome=what, subjects=4, partly=partly)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "outcomes", "is_unused"),
    [
        ("AP101", [outcome("AP101", "passed")], True),
        ("AP101", [outcome("AP101", "not_applicable")], True),
        ("AP101", [outcome("AP101", "not_measured")], None),
        ("AP101", [outcome("AP101", "passed", partly=1)], None),
        ("AP101", [outcome("AP102", "passed")], None),  # it was not selected
        ("AP1", [outcome("AP101", "passed")], None),  # AP102 did not run
        ("AP1", [outcome("AP101", "passed"), outcome("AP102", "passed")], True),
        ("AP999", [outcome("AP101", "passed")], True),  # nobody will ever answer to it
    ],
)
def test_an_ignore_is_unused_only_where_its_rules_could_have_fired(
    code: str, outcomes: list[RuleOutcome], is_unused: bool | None
) -> None:
    result = suppress((), (ignore(code),), TODAY, rules=CARDS, outcomes=outcomes)
    assert facts(result)["is_unused"] is is_unused
    assert facts(result)["is_known_rule"] is (code != "AP999")


def test_each_code_of_an_entry_is_judged_for_itself() -> None:
    uses = suppress((FOUR,), (ignore("AP101", "AP102", reason=" why "),), TODAY).uses
    assert [(use.facts["rule"], use.facts["is_unused"]) for use in uses] == [
        ("AP101", False),
        ("AP102", True),
    ]
    assert {use.facts["reason_length"] for use in uses} == {3}


def test_the_facts_are_those_that_rules_of_level_ignore_may_name() -> None:
    from attnprobe.checking.packs.names import IGNORE

    result = suppress((FOUR,), (ignore("AP101"),), TODAY)
    assert set(facts(result)) == set(IGNORE)


def test_an_inline_ignore_covers_its_lines_of_its_file_alone() -> None:
    places = (instance("h.0.attn", 41), instance("h.1.attn", 60))
    entry = IgnoreEntry(rules=("AP101",), origin="model.py:40", is_inline=True, lines=(38, 41))
    result = suppress((finding(*places),), (entry,), TODAY)
    assert [each.sites for each in result.kept] == [("h.1.attn",)]
    assert facts(result)["match"] == ""
    other = IgnoreEntry(rules=("AP101",), origin="other.py:40", is_inline=True, lines=(38, 41))
    assert suppress((finding(*places),), (other,), TODAY).ignored == ()


def test_an_expression_over_several_lines_is_covered_from_any_of_them() -> None:
    place = Instance(site="h", heads=(), evidence={}, location=Location("model.py", 10, "f", end_line=14))
    for lines, is_covered in (((9, 9), False), ((14, 14), True), ((12, 13), True), ((15, 20), False)):
        entry = IgnoreEntry(rules=("AP101",), origin="model.py:1", is_inline=True, lines=lines)
        assert bool(suppress((finding(place),), (entry,), TODAY).ignored) is is_covered


def test_a_thousand_sites_and_a_hundred_ignores_take_no_time() -> None:
    import time

    many = finding(*(instance(f"h.{layer}.attn") for layer in range(1000)))
    entries = tuple(ignore("AP101", site=f"h.{layer}.attn") for layer in range(100))
    start = time.perf_counter()
    result = suppress((many,), entries, TODAY)
    assert time.perf_counter() - start < 2
    assert len(result.kept[0].sites) == 900
