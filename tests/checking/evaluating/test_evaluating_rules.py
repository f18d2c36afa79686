from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from attnprobe.checking.evaluating import evaluate, evaluate_facts, evaluate_subjects
from attnprobe.checking.evaluating.subjects import Subject
from attnprobe.checking.packs import Rule, load_file
from attnprobe.errors import SettingsError
from attnprobe.records import Limit, Location, NotMeasured, Override, RuleOutcome, Scan, Settings
from tests.checking.evaluating.small_scans import scan_of, site
from tests.checking.packs.rule_files import written

ALL = Settings(select=("ACME",))
OTHERWISE = "applies: {when: role == 'cross', otherwise: {en: 'no cross', zh: '无'}}\nwhen: core"


def rule(folder: Path, *changes: tuple[str, str]) -> Rule:
    return load_file(written(folder, *changes))


def outcome(scan: Scan, given: Rule, settings: Settings = ALL) -> RuleOutcome:
    (found,) = evaluate(scan, (given,), settings).outcomes
    return found


def test_a_rule_that_fires_says_where_why_and_by_how_much(tmp_path: Path) -> None:
    scan = scan_of(site(0, {"core_flops_share": 0.5}))
    (finding,) = evaluate(scan, (rule(tmp_path),), ALL).findings
    assert (finding.rule, finding.name, finding.severity) == ("ACME001", "long-sequences", "warning")
    assert finding.sites == ("h.0.attn",)
    assert finding.where == "h.0.attn"
    assert finding.location == Location("model.py", 10, "forward")
    assert finding.message == "h.0.attn: 50 % at 4,096"
    assert finding.messages["zh"] == "h.0.attn：4,096 时 50 %"
    assert finding.evidence == {"core_flops_share": 0.5}
    assert finding.formula == "0.5 > 0.25 and 4096 >= 2048"
    assert finding.limits == (
        Limit(metric="core_flops_share", comparison=">", limit=0.25, option="share", want="lower"),
        Limit(metric="kv_len", comparison=">=", limit=2048, option="min_len"),
    )
    assert [each.name for each in finding.suggestions] == ["sliding_window"]
    assert finding.suggestions[0].options == {"window_size": 1024}


def test_the_boundary_is_silent(tmp_path: Path) -> None:
    found = evaluate(scan_of(site(0, {"core_flops_share": 0.25})), (rule(tmp_path),), ALL)
    assert found.findings == ()
    assert found.outcomes[0].outcome == "passed"
    assert found.outcomes[0].subjects == 1


def test_identical_layers_are_one_finding_with_the_worst_first(tmp_path: Path) -> None:
    sites = [site(n, {"core_flops_share": share}) for n, share in enumerate((0.3, 0.6, 0.1, 0.4))]
    (finding,) = evaluate(scan_of(*sites), (rule(tmp_path),), ALL).findings
    assert finding.where == "h.{0,1,3}.attn"
    assert finding.sites == ("h.0.attn", "h.1.attn", "h.3.attn")
    assert [each.site for each in finding.instances] == ["h.1.attn", "h.3.attn", "h.0.attn"]
    assert finding.evidence == {"core_flops_share": 0.6}
    assert finding.location == finding.instances[0].location == Location("model.py", 11, "forward")
    assert finding.message.startswith("h.1.attn: 60 %")


def test_where_more_is_better_the_least_comes_first(tmp_path: Path) -> None:
    sites = [site(n, {"core_flops_share": share}) for n, share in enumerate((0.3, 0.6))]
    given = rule(tmp_path, ("want: lower", "want: higher"))
    (finding,) = evaluate(scan_of(*sites), (given,), ALL).findings
    assert [each.site for each in finding.instances] == ["h.0.attn", "h.1.attn"]


def test_a_finding_points_to_the_line_that_the_rule_is_about(tmp_path: Path) -> None:
    scan = scan_of(site(0, {"core_flops_share": 0.5}))
    (finding,) = evaluate(scan, (rule(tmp_path, ("when: core", "at: scores\nwhen: core")),), ALL).findings
    assert finding.location == Location("model.py", 50, "forward")
    (other,) = evaluate(scan, (rule(tmp_path, ("when: core", "at: mask\nwhen: core")),), ALL).findings
    assert other.location == Location("model.py", 10, "forward")  # the graph knows no line of a mask


def test_heads_of_a_site_are_one_place(tmp_path: Path) -> None:
    given = rule(
        tmp_path,
        ("level: site", "level: head"),
        ("[core_flops_share]", "[sink_mass]"),
        ("when: core_flops_share", "when: sink_mass"),
        ("metric: core_flops_share", "metric: sink_mass"),
        ("{core_flops_share:pct} at", "{sink_mass:pct} in {heads} at"),
        ("时 {core_flops_share:pct}", "时 {heads} 为 {sink_mass:pct}"),
        ("core_flops_share: 0.26", "sink_mass: 0.26"),
        ("core_flops_share: 0.25", "sink_mass: 0.25"),
    )
    sites = [
        site(0, {"sink_mass": 0.3}, heads={"sink_mass": (0.3, 0.4)}),
        site(1, {"sink_mass": 0.5}, heads={"sink_mass": (0.1, 0.9)}),
    ]
    found = evaluate(scan_of(*sites), (given,), ALL)
    (finding,) = found.findings
    assert finding.message == "h.1.attn: 90 % in 1 at 4,096"
    assert finding.heads == (1,)
    assert [(each.site, each.heads, each.evidence["sink_mass"]) for each in finding.instances] == [
        ("h.1.attn", (1,), 0.9),
        ("h.0.attn", (0, 1), 0.4),
    ]
    assert found.outcomes[0].subjects == 4


def test_a_site_without_numbers_per_head_gives_its_own_to_each(tmp_path: Path) -> None:
    given = rule(tmp_path, ("level: site", "level: head"))
    (finding,) = evaluate(scan_of(site(0, {"core_flops_share": 0.5})), (given,), ALL).findings
    assert finding.heads == (0, 1)


def test_a_rule_about_the_model_counts_its_sites(tmp_path: Path) -> None:
    given = _about_model(tmp_path, "share(core_flops_share > opt_share) >= 0.5 and parameters > opt_min_len")
    sites = [site(n, {"core_flops_share": share}) for n, share in enumerate((0.3, 0.6, 0.1, 0.2))]
    (finding,) = evaluate(scan_of(*sites, totals={"parameters": 5000}), (given,), ALL).findings
    assert (finding.sites, finding.where, finding.location) == ((), "", None)
    assert finding.formula == "0.5 >= 0.5 and 5000 > 2048"
    assert finding.limits[0] == Limit(
        metric="share(core_flops_share > opt_share)", comparison=">=", limit=0.5
    )
    assert finding.message == "5,000"


def _about_model(folder: Path, when: str) -> Rule:
    return rule(
        folder,
        ("level: site", "level: model"),
        ("requires: [core_flops_share]\n", ""),
        ("core_flops_share > opt_share and kv_len >= opt_min_len", when),
        ("metric: core_flops_share", "metric: parameters"),
        ("{site}: {core_flops_share:pct} at {kv_len:int}", "{parameters:int}"),
        ("{site}：{kv_len:int} 时 {core_flops_share:pct}", "{parameters:int}"),
        ("core_flops_share: 0.26, kv_len: 2048}", "parameters: 5000}, parts: [{core_flops_share: 1}]"),
        ("core_flops_share: 0.25, kv_len: 2048}", "parameters: 1}, parts: [{core_flops_share: 1}]"),
    )


def test_a_group_is_looked_at_as_one(tmp_path: Path) -> None:
    given = rule(
        tmp_path,
        ("level: site", "level: group"),
        ("when: core_flops_share >", "when: largest(core_flops_share) >"),
        (
            "{metric: core_flops_share, want: lower}",
            "{name: most, value: largest(core_flops_share), want: lower}",
        ),
        ("{core_flops_share:pct} at", "{most:pct} of {group_size:int} at"),
        ("时 {core_flops_share:pct}", "时 {group_size:int} 中 {most:pct}"),
        ("core_flops_share: 0.26, kv_len: 2048}", "kv_len: 2048}, parts: [{core_flops_share: 0.3}]"),
        ("core_flops_share: 0.25, kv_len: 2048}", "kv_len: 2048}, parts: [{core_flops_share: 0.1}]"),
    )
    sites = [site(n, {"core_flops_share": share}) for n, share in enumerate((0.3, 0.6))]
    found = evaluate(scan_of(*sites), (given,), ALL)
    (finding,) = found.findings
    assert finding.where == "h.{0..1}.attn"
    assert finding.evidence == {"most": 0.6}
    assert finding.message == "h.0.attn: 60 % of 2 at 4,096"
    assert found.outcomes[0].subjects == 1


def test_a_site_whose_heads_are_counted_names_those_heads(tmp_path: Path) -> None:
    given = rule(tmp_path, ("when: core", "when: share(sink_mass > 0.5) >= 0.5 and core"))
    sites = (site(0, {"core_flops_share": 0.5}, heads={"sink_mass": (0.4, 0.6)}),)
    (finding,) = evaluate(scan_of(*sites), (given,), ALL).findings
    assert finding.heads == (1,)
    assert finding.formula == "0.5 >= 0.5 and 0.5 > 0.25 and (4096 >= 2048)"


def test_the_whole_model_is_named_in_the_language_of_the_message(tmp_path: Path) -> None:
    given = rule(
        tmp_path,
        ("level: site", "level: model"),
        ("requires: [core_flops_share]\n", ""),
        ("core_flops_share > opt_share and kv_len >= opt_min_len", "seq_len > opt_share + opt_min_len"),
        ("metric: core_flops_share", "metric: seq_len"),
        ("{site}: {core_flops_share:pct} at {kv_len:int}", "{where}: {seq_len:int}"),
        ("{site}：{kv_len:int} 时 {core_flops_share:pct}", "{where}：{seq_len:int}"),
        ("core_flops_share: 0.26, kv_len: 2048", "seq_len: 5000"),
        ("core_flops_share: 0.25, kv_len: 2048", "seq_len: 10"),
    )
    scan = scan_of()
    (finding,) = evaluate(
        replace(scan, workload=replace(scan.workload, seq_len=4096)), (given,), ALL
    ).findings
    assert finding.messages == {"en": "the model: 4,096", "zh": "模型：4,096"}
    assert finding.formula == "4096 > 0.25 + 2048"
    assert finding.limits == (Limit(metric="seq_len", comparison=">", limit=2048.25, want="lower"),)


def test_what_was_not_measured_is_told_with_the_probes_reason(tmp_path: Path) -> None:
    missing = NotMeasured(metric="core_flops_share", site="h.0.attn", reason="no formula")
    seen = outcome(scan_of(site(0, {}), missing=(missing,)), rule(tmp_path))
    assert (seen.outcome, seen.subjects) == ("not_measured", 1)
    assert seen.reason == "core_flops_share: no formula"
    assert seen.reasons["zh"] == "未能测得：core_flops_share: no formula"


def test_a_reason_for_the_whole_model_holds_for_each_site(tmp_path: Path) -> None:
    missing = NotMeasured(metric="core_flops_share", site="", reason="the probe failed")
    assert outcome(scan_of(site(0, {}), missing=(missing,)), rule(tmp_path)).reason.endswith(
        "the probe failed"
    )


def test_a_metric_that_no_probe_measured_is_said_to_be_so(tmp_path: Path) -> None:
    scan = replace(scan_of(site(0, {})), metrics={})
    assert outcome(scan, rule(tmp_path)).reason == "core_flops_share: no probe of this scan measures it"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_is_a_reason_of_its_own(value: float, tmp_path: Path) -> None:
    seen = outcome(scan_of(site(0, {"core_flops_share": value})), rule(tmp_path))
    assert seen.outcome == "not_measured"
    assert seen.reason == f"core_flops_share: the value came out as {value}"


def test_where_it_could_not_be_measured_everywhere_that_is_counted(tmp_path: Path) -> None:
    scan = scan_of(site(0, {"core_flops_share": 0.5}), site(1, {}), site(2, {"core_flops_share": 0.1}))
    seen = outcome(scan, rule(tmp_path))
    assert (seen.outcome, seen.subjects, seen.partly) == ("fired", 3, 1)
    silent = outcome(scan_of(site(0, {"core_flops_share": 0.1}), site(1, {})), rule(tmp_path))
    assert (silent.outcome, silent.partly) == ("passed", 1)


def test_random_inputs_say_nothing_to_a_rule_that_needs_data(tmp_path: Path) -> None:
    given = rule(tmp_path, ("[core_flops_share]", "[core_flops_share, normalised_entropy]"))
    numbers = {"core_flops_share": 0.5, "normalised_entropy": 0.9}
    seen = outcome(scan_of(site(0, numbers), data="random"), given)
    assert seen.outcome == "not_measured"
    assert seen.reason == ("the inputs are random: normalised_entropy would describe them, not your data")
    assert outcome(scan_of(site(0, numbers), data="given"), given).outcome == "fired"


def test_where_a_rule_does_not_apply_nothing_has_to_be_known(tmp_path: Path) -> None:
    given = rule(tmp_path, ("when: core", OTHERWISE))
    seen = outcome(scan_of(site(0, {})), given)
    assert (seen.outcome, seen.reason, seen.reasons["zh"]) == ("not_applicable", "no cross", "无")


def test_a_model_without_sites_is_not_applicable(tmp_path: Path) -> None:
    seen = outcome(scan_of(), rule(tmp_path))
    assert (seen.outcome, seen.reason) == ("not_applicable", "the model has no attention site")


def _broken(*given: object) -> bool:
    raise ValueError("broken")


def test_a_rule_that_fails_is_a_gap_and_the_others_go_on(tmp_path: Path) -> None:
    good = rule(tmp_path)
    bad = replace(good, id="ACME000", when=replace(good.when, evaluate=_broken))
    found = evaluate(scan_of(site(0, {"core_flops_share": 0.5})), (bad, good), ALL)
    assert [each.outcome for each in found.outcomes] == ["not_measured", "fired"]
    assert found.outcomes[0].reason.startswith("the rule failed: ValueError: broken")
    assert len(found.findings) == 1


# ── options, severities, choice ──


def test_an_option_of_the_settings_moves_the_threshold(tmp_path: Path) -> None:
    scan = scan_of(site(0, {"core_flops_share": 0.5}))
    for name in ("share", "opt_share"):
        for key in ("ACME001", "long-sequences"):
            settings = replace(ALL, options={key: {name: 0.5}})
            assert outcome(scan, rule(tmp_path), settings).outcome == "passed"


def test_an_override_holds_at_its_sites_and_splits_the_finding(tmp_path: Path) -> None:
    sites = [site(n, {"core_flops_share": 0.5}) for n in range(4)]
    override = Override(
        match="h.{0..1}.attn", options={"ACME001": {"share": 0.4}}, severity={"ACME001": "error"}
    )
    found = evaluate(scan_of(*sites), (rule(tmp_path),), replace(ALL, overrides=(override,)))
    assert [(each.where, each.severity, each.limits[0].limit) for each in found.findings] == [
        ("h.{0..1}.attn", "error", 0.4),
        ("h.{2..3}.attn", "warning", 0.25),
    ]
    silent = Override(match="h.*", options={"ACME001": {"share": 0.9}})
    assert evaluate(scan_of(*sites), (rule(tmp_path),), replace(ALL, overrides=(silent,))).findings == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": 2}, "above the largest, 1"),
        ({"share": "0.5"}, "is not a number"),
        ({"share": True}, "is not a number"),
        ({"share": float("nan")}, "is not finite"),
        ({"min_len": 0}, "below the smallest, 1"),
        ({"min_len": 1.5}, "is not a whole number"),
        ({"shar": 0.5}, "has no option 'shar'; did you mean 'share'?"),
    ],
)
def test_an_option_outside_of_its_range_is_an_error(
    options: dict[str, float], message: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError) as caught:
        evaluate(scan_of(), (rule(tmp_path),), replace(ALL, options={"ACME001": options}))
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("settings", "is_chosen"),
    [
        (Settings(), False),
        (Settings(select=("ACME",)), True),
        (Settings(select=("ACME001",)), True),
        (Settings(select=("long-sequences",)), True),
        (Settings(select=("ACME0",)), True),
        (Settings(select=("ACME1",)), False),
        (Settings(select=("ACME",), deselect=("ACME001",)), False),
        (Settings(select=("ACME",), deselect=("ACME0",)), False),
        (Settings(select=("ACME001",), deselect=("ACME",)), True),
        (Settings(select=()), False),
    ],
)
def test_the_more_precise_word_chooses(settings: Settings, is_chosen: bool, tmp_path: Path) -> None:
    found = evaluate(scan_of(), (rule(tmp_path),), settings)
    assert bool(found.outcomes) is is_chosen
    assert ("ACME001" in found.cards) is is_chosen


def test_a_preview_rule_is_asked_for(tmp_path: Path) -> None:
    given = (rule(tmp_path, ("status: stable", "status: preview")),)
    assert not evaluate(scan_of(), given, ALL).outcomes
    assert evaluate(scan_of(), given, replace(ALL, preview=True)).outcomes
    assert evaluate(scan_of(), given, Settings(select=("ACME001",))).outcomes


@pytest.mark.parametrize(
    ("changes", "settings", "is_blocking"),
    [
        ((), Settings(fail_on="error"), False),
        ((), Settings(fail_on="warning"), True),
        ((), Settings(fail_on="info"), True),
        ((), Settings(severity={"ACME001": "error"}), True),
        ((), Settings(severity={"ACME001": "info"}, fail_on="warning"), False),
        ((("when: core", "when: model_forward_ms > 1 and core"),), Settings(fail_on="info"), False),
        (
            (("when: core", "when: model_forward_ms > 1 and core"),),
            Settings(fail_on="info", block="sampled"),
            False,
        ),
        (
            (("when: core", "when: model_forward_ms > 1 and core"),),
            Settings(fail_on="info", block="noisy"),
            True,
        ),
        (
            (
                ("when: core", "when: model_forward_ms > 1 and core"),
                ("category: efficiency", "category: correctness"),
            ),
            Settings(fail_on="info"),
            True,
        ),
    ],
)
def test_what_may_fail_a_check(
    changes: tuple[tuple[str, str], ...], settings: Settings, is_blocking: bool, tmp_path: Path
) -> None:
    scan = scan_of(site(0, {"core_flops_share": 0.5}), totals={"forward_ms": 5.0})
    (finding,) = evaluate(scan, (rule(tmp_path, *changes),), replace(settings, select=("ACME",))).findings
    assert finding.is_blocking is is_blocking


# ── fingerprints ──


def _fingerprint(folder: Path, scan: Scan, *changes: tuple[str, str]) -> str:
    return evaluate(scan, (rule(folder, *changes),), ALL).findings[0].fingerprint


def test_a_fingerprint_outlives_lines_numbers_and_depth(tmp_path: Path) -> None:
    first = _fingerprint(tmp_path, scan_of(site(0, {"core_flops_share": 0.5})))
    assert len(first) == 16
    deeper = scan_of(*(site(n, {"core_flops_share": 0.9}) for n in range(3)))
    moved = replace(deeper.sites[0], location=Location("other.py", 99, "f"))
    assert _fingerprint(tmp_path, replace(deeper, sites=(moved, *deeper.sites[1:]))) == first
    assert _fingerprint(tmp_path, deeper, ("default: 0.25", "default: 0.3")) == first


def test_a_fingerprint_tells_rule_model_place_and_mechanism_apart(tmp_path: Path) -> None:
    scan = scan_of(site(0, {"core_flops_share": 0.5}))
    first = scan.sites[0]
    others = (
        replace(scan, model=replace(scan.model, entry="other.py:GPT()")),
        replace(scan, sites=(replace(first, group="decoder.0.attn"),)),
        replace(scan, sites=(replace(first, mechanism="linear"),)),
    )
    assert len({_fingerprint(tmp_path, each) for each in (scan, *others)}) == 4


def test_groups_that_differ_in_numbers_alone_have_fingerprints_of_their_own(tmp_path: Path) -> None:
    sites = [site(n, {"core_flops_share": 0.5}) for n in range(4)]
    groups = [replace(s, group=f"h.{{{n % 2},{n % 2 + 2}}}.attn") for n, s in enumerate(sites)]
    found = evaluate(replace(scan_of(*sites), sites=tuple(groups)), (rule(tmp_path),), ALL).findings
    assert [each.where for each in found] == ["h.{0,2}.attn", "h.{1,3}.attn"]
    assert len({each.fingerprint for each in found}) == 2


# ── facts that are given ──


def test_facts_can_be_given_without_a_scan(tmp_path: Path) -> None:
    given = rule(tmp_path)
    assert evaluate_facts(given, {"core_flops_share": 0.5, "kv_len": 4096}).result == "fires"
    assert evaluate_facts(given, {"core_flops_share": 0.5, "kv_len": 1}).result == "silent"
    assert (
        evaluate_facts(given, {"core_flops_share": 0.5, "kv_len": 1}, options={"min_len": 1}).result
        == "fires"
    )
    missing = evaluate_facts(given, {"kv_len": 4096})
    assert (missing.result, missing.missing) == ("not_measured", ("core_flops_share",))


def test_subjects_can_be_given_with_places_and_reasons_of_their_own(tmp_path: Path) -> None:
    line = Location("pyproject.toml", 31, "")
    subjects = [
        Subject({"core_flops_share": 0.5, "kv_len": 4096, "site": "x"}, where="x", key="x", location=line),
        Subject({"core_flops_share": 0.6, "kv_len": 4096, "site": "y"}, where="y", key="y"),
        Subject({"kv_len": 4096}, reasons={"core_flops_share": "it was 0 before"}),
    ]
    found = evaluate_subjects([rule(tmp_path)], lambda each: subjects, ALL, entry="m.py:M()")
    assert [(each.where, each.location, each.sites) for each in found.findings] == [
        ("x", line, ()),
        ("y", None, ()),
    ]
    assert len({each.fingerprint for each in found.findings}) == 2
    assert found.outcomes[0].reason == "core_flops_share: it was 0 before"
    assert found.outcomes[0].partly == 1
