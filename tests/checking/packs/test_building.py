from __future__ import annotations

from pathlib import Path

import pytest

from attnprobe.checking.packs import load_file
from tests.checking.packs.rule_files import fault_of, written


def test_a_rule_is_read_with_all_that_follows_from_it(tmp_path: Path) -> None:
    rule = load_file(written(tmp_path))
    assert (rule.id, rule.name, rule.pack) == ("ACME001", "long-sequences", tmp_path.name)
    assert rule.defaults == {"share": 0.25, "min_len": 2048}
    assert rule.metrics == ("core_flops_share",)
    assert rule.exactness == "exact"
    assert rule.needs_data == ()
    assert rule.suggest[0].name == "sliding_window"
    assert rule.tests[0].line == 29


def test_the_least_exact_metric_of_the_condition_decides(tmp_path: Path) -> None:
    changes = (
        ("when: core", "when: forward_ms > 1 and core"),
        ("[core_flops_share]", "[normalised_entropy]"),
    )
    rule = load_file(written(tmp_path, *changes))
    assert rule.exactness == "noisy"
    assert rule.needs_data == ("normalised_entropy",)
    assert rule.metrics == ("forward_ms", "core_flops_share", "normalised_entropy")


def test_a_total_counts_as_its_metric(tmp_path: Path) -> None:
    rule = load_file(written(tmp_path, ("when: core", "when: model_forward_ms > 1 and core")))
    assert rule.metrics[0] == "forward_ms"
    assert rule.exactness == "noisy"


def test_options_may_be_written_with_their_prefix(tmp_path: Path) -> None:
    rule = load_file(written(tmp_path, ("  share: {", "  opt_share: {")))
    assert set(rule.options) == {"share", "min_len"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("when: core_flops_share", "when: core_flop_share", "11:7: no name 'core_flop_share'; did you mean"),
        ("kv_len >= opt_min_len", "kv_len >= opt_min", "11:50: the rule has no option 'min'"),
        (
            "when: core_flops_share > opt_share",
            "when: >\n  core_flops_share >\n\n  opt_shar",
            "14:3: the rule has no option 'shar'; did you mean 'opt_share'?",
        ),
        (
            "when: core_flops_share > opt_share and kv_len >= opt_min_len",
            'when: "core_flop_share > opt_share and kv_len >= opt_min_len"',
            "11:8: no name 'core_flop_share'",
        ),
        ("severity: warning", "severity: warn", "severity: found 'warn'; expected info, warning, error"),
        ("level: site", "level: sites", "9:8: level: found 'sites'; expected site, head"),
        ("severity: warning", "severety: warning", "7:1: unknown key 'severety'; did you mean 'severity'?"),
        ("severity: warning\n", "", "1:1: the key 'severity' is missing"),
        ("schema: 1", "schema: 2", "1:9: schema: found 2; expected at most 1"),
        ("schema: 1", "schema: true", "1:9: schema: found true; expected a whole number"),
        ("schema: 1", 'schema: "1"', "1:9: schema: found '1'; expected a whole number"),
        ('since: "0.1.0"', "since: 1.10", "4:8: since: found 1.1; expected text"),
        ('since: "0.1.0"', "since: 2026-01-31", "4:8: since: found '2026-01-31'; expected the form"),
        ("status: stable", "status: no", "5:9: status: found 'no'; expected preview, stable"),
        ("default: 2048", "default: 012", "14:33: the default of 'min_len': '012' is not a whole number"),
        ("default: 2048", "default: 2048.5", "14:33: the default of 'min_len': 2048.5 is not a whole number"),
        ("default: 2048", "default: 0", "14:33: the default of 'min_len': 0 is below the smallest, 1"),
        ("default: 0.25", "default: 1.5", "13:33: the default of 'share': 1.5 is above the largest, 1"),
        ("default: 0.25", "default: true", "13:33: the default of 'share': True is not a number"),
        ("min: 0, max", "minimum: 0, max", "13:39: unknown key 'minimum'; did you mean 'min'?"),
        (
            "options:\n",
            "options:\n  more: {type: int, default: 1}\n",
            "13:3: the option 'more' is used nowhere",
        ),
        ("[core_flops_share]", "[core_flops_shares]", "10:12: no name 'core_flops_shares'"),
        (
            "metric: core_flops_share, want: lower",
            "metric: core_flop, want: lower",
            "16:14: no name 'core_flop'",
        ),
        ("want: lower", "want: less", "16:38: want: found 'less'; expected lower, higher"),
        ("want: lower", "name: x", "16:5: expected either `metric`, or `name` and `value`"),
        (
            "metric: core_flops_share, want: lower",
            "name: kv_len, value: core_flops_share",
            "16:12: 'kv_len' already is the name of a fact",
        ),
        ("id: ACME001", "id: ACME002", "2:5: the file is 'ACME001-long-sequences.yaml'; expected 'ACME002-"),
        (
            "name: long-sequences",
            "name: long_sequences",
            "3:7: name: found 'long_sequences'; expected the form",
        ),
        (
            '{core_flops_share:pct} at {kv_len:int}"\n    zh',
            '{core_flops_share:pct} at {kv_len}"\n    zh',
            "23:9: other placeholders than in `en`: {kv_len}",
        ),
        ("{kv_len:int} 时 ", "", "23:9: other placeholders than in `en`: {kv_len}"),
        ("at {kv_len:int}", "at {kv_lem:int}", "22:9: message: no name 'kv_lem'; did you mean 'kv_len'?"),
        ("at {kv_len:int}", "at {kv_len:percent}", "22:9: message: {kv_len:percent}: the formats are pct"),
        ("at {kv_len:int}", "at {mechanism:int}", "22:9: message: {mechanism:int} is for numbers"),
        ("at {kv_len:int}", "at {kv_len", "22:9: message: "),
        ("at {kv_len:int}", "at {0.__class__}", "22:9: message: {0.__class__} is no placeholder"),
        ("at {kv_len:int}", "at {kv_len.__class__}", "22:9: message: {kv_len.__class__} is no placeholder"),
        ("at {kv_len:int}", "at {kv_len!r}", "22:9: message: {kv_len} is no placeholder"),
        ("at {kv_len:int}", "at {kv_len:{mechanism}}", "22:9: message: "),
        (', zh: "长"}', "}", "20:10: the key 'zh' is missing"),
        (', zh: "长"}', ', zh: ""}', "20:27: zh: found ''; expected"),
        (', zh: "长"}', ', cn: "长"}', "20:23: unknown key 'cn'"),
        ("{metrics: {core_flops_share: 0.26", "{metrics: {core_flop: 0.26", "29:16: no name 'core_flop'"),
        ("kv_len: 2048}, fires: true", "kv_len: no}, fires: true", "29:48: kv_len: found a text, 'no'"),
        ("fires: true}", "fires: yes}", "29:62: fires: found 'yes'; expected"),
        ("fires: true}", "fires: true, options: {share: 2}}", "share: 2 is above the largest, 1"),
        ("fires: true}", "fires: true, options: {shar: 0.2}}", "the rule has no option 'shar'"),
        ('references: ["a paper"]', "references: []", "27:13: references: found a list of 0; expected"),
        ("status: stable", "status: removed", "5:9: a removed rule says in `replaced_by`"),
    ],
)
def test_a_fault_names_line_column_and_what_was_expected(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    fault = fault_of(tmp_path, (old, new))
    assert fault.startswith(message) if message[0].isdigit() else message in fault


def test_the_first_of_several_faults_is_told(tmp_path: Path) -> None:
    fault = fault_of(tmp_path, ("level: site", "level: sites"), ("severity: warning", "severity: bad"))
    assert fault.startswith("7:11: severity")


def test_a_rule_file_that_is_a_list_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ACME001-x.yaml"
    path.write_text("- a\n- b\n")
    with pytest.raises(Exception, match=r"1:1: .*expected keys and values"):
        load_file(path)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "[a link](javascript:alert(1))",
        "{{7*7}} {% raw %} ${x} %s",
        "\u202egnirts \u200b",
    ],
)
def test_text_of_a_rule_is_text_whatever_it_looks_like(text: str, tmp_path: Path) -> None:
    rule = load_file(written(tmp_path, ('en: "It grows."', f"en: '{text}'")))
    assert rule.why["en"] == text


def test_evidence_may_be_an_expression_and_named_in_the_message(tmp_path: Path) -> None:
    rule = load_file(
        written(
            tmp_path,
            (
                "- {metric: core_flops_share, want: lower}",
                "- {name: longest, value: largest(sink_mass), want: lower}",
            ),
            ("{core_flops_share:pct} at", "{longest:pct} at"),
            ("时 {core_flops_share:pct}", "时 {longest:pct}"),
        )
    )
    assert rule.evidence[0].name == "longest"
    assert "sink_mass" in rule.metrics


def test_a_share_over_heads_is_known_at_a_site_only(tmp_path: Path) -> None:
    change = ("when: core", "when: share(sink_mass > 0.5) > 0.2 and core")
    assert load_file(written(tmp_path, change)).level == "site"
    assert "the subject has no parts" in fault_of(tmp_path, change, ("level: site", "level: head"))


def test_a_rule_about_a_model_reads_totals_and_sites(tmp_path: Path) -> None:
    changes = (
        ("level: site", "level: model"),
        (
            "when: core_flops_share > opt_share and kv_len",
            "when: share(core_flops_share > opt_share) > 0 and seq_len",
        ),
        ("metric: core_flops_share", "metric: model_core_flops_share"),
        ("{core_flops_share:pct} at {kv_len:int}", "{seq_len:int}"),
        ("{kv_len:int} 时 {core_flops_share:pct}", "{seq_len:int}"),
        (
            "core_flops_share: 0.26, kv_len: 2048}, fires: true}",
            "seq_len: 2048}, parts: [{core_flops_share: 1}], fires: true}",
        ),
        ("core_flops_share: 0.25, kv_len: 2048}, fires: false}", "seq_len: 2048}, fires: not_measured}"),
    )
    assert load_file(written(tmp_path, *changes)).level == "model"
