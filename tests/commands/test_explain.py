from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from unicodedata import east_asian_width

import pytest

from attnprobe.checking.packs import Rule, load_rules
from attnprobe.commands.explaining.explanation import Explanation, Section, as_json, as_markdown, as_text
from attnprobe.errors import AttnprobeError
from tests.commands.running import Ran

Attnprobe = Callable[..., Ran]


def test_a_metric_is_explained_with_unit_method_and_limits(attnprobe: Attnprobe) -> None:
    ran = attnprobe("explain", "flops_forward")
    assert ran.exit_code == 0
    assert ran.stdout.startswith("flops_forward: ")
    for part in ("Unit       FLOP\n", "Certainty  exact", "Found by   ", "Probe      attnprobe.probes.flops"):
        assert part in ran.stdout
    assert max(map(len, ran.stdout.splitlines())) <= 96


def _codes(cls: type[AttnprobeError]) -> set[str]:
    return {cls.code}.union(*(_codes(child) for child in cls.__subclasses__()))


@pytest.mark.parametrize("code", sorted(_codes(AttnprobeError)))
def test_every_error_code_is_explained(code: str, attnprobe: Attnprobe) -> None:
    ran = attnprobe("explain", code)
    assert ran.exit_code == 0
    assert ran.stdout.startswith(f"{code}: ")
    assert "Exit code" in ran.stdout


def test_a_code_is_found_in_lower_case_too(attnprobe: Attnprobe) -> None:
    assert attnprobe("explain", "e-worker").stdout.startswith("E-WORKER: ")


def test_a_metric_of_health_is_explained_with_its_topic_and_whether_it_needs_data(
    attnprobe: Attnprobe,
) -> None:
    said = attnprobe("explain", "normalised_entropy").stdout
    for part in ("Of each    head and site\n", "Topic      information\n", "Needs data yes", "Not said   "):
        assert part in said
    assert "Needs data" not in attnprobe("explain", "flops_forward").stdout


def test_without_a_name_all_metrics_are_listed_by_topic(attnprobe: Attnprobe) -> None:
    said = attnprobe("explain").stdout
    titles = [line for line in said.splitlines() if line and not line.startswith(" ")]
    assert titles[0].startswith("What attention costs (")
    assert titles[-1].startswith("Error codes (")
    assert said.index("  flops_forward ") < said.index("Information: ") < said.index("  normalised_entropy ")


def test_a_name_that_nothing_has_offers_the_nearest(attnprobe: Attnprobe) -> None:
    ran = attnprobe("explain", "normalized_entropy")
    assert ran.exit_code == 2
    assert "did you mean 'normalised_entropy'?" in ran.stderr


# ── rules ──


HEADINGS = {
    "en": ["Why it matters", "How it is measured", "Limits and options", "When this is wrong", "What to do"],
    "zh": ["为什么重要", "如何测量", "阈值与选项", "何时不成立", "怎么办"],
}
LAST = {"en": ["Configure", "Ignore", "References", "Since"], "zh": ["配置", "忽略", "参考文献", "起始版本"]}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_rule_is_explained_section_by_section(language: str, attnprobe: Attnprobe) -> None:
    lines = attnprobe("explain", "AP004", "--lang", language).stdout.splitlines()
    assert lines[0].startswith("AP004: ignore-without-reason: ")
    headings = [line for line in lines[1:] if line and not line.startswith(" ")]
    assert headings == HEADINGS[language] + LAST[language]


def test_a_rule_is_found_by_its_name_and_in_lower_case(attnprobe: Attnprobe) -> None:
    by_id = attnprobe("explain", "AP004").stdout
    assert attnprobe("explain", "ap004").stdout == by_id
    assert attnprobe("explain", "ignore-without-reason").stdout == by_id


def test_an_explanation_of_a_rule_says_how_it_decides_and_what_can_be_set(attnprobe: Attnprobe) -> None:
    said = attnprobe("explain", "AP004").stdout
    assert "fires where: reason_length < opt_min_length" in said
    assert "  - min_length = 10 (1..)" in said
    assert "    [tool.attnprobe.options.AP004]\n    min_length = 10\n" in said
    assert '    [tool.attnprobe.severity]\n    AP004 = "warning"\n' in said
    assert '    [[tool.attnprobe.ignore]]\n    rule = "AP004"\n' in said
    assert "# attnprobe: ignore[AP004] -- reason" in said


@pytest.mark.parametrize("rule", load_rules(), ids=lambda rule: rule.id)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_rule_can_be_explained_within_the_width(
    rule: Rule, language: str, attnprobe: Attnprobe
) -> None:
    ran = attnprobe("explain", rule.id, "--lang", language)
    assert ran.exit_code == 0
    assert ran.stdout.startswith(f"{rule.id}: {rule.name}: {rule.title[language]}")
    # A closing mark of full width may stand two columns out; so may a formula without spaces.
    wide = [line for line in ran.stdout.splitlines()[1:] if columns(line) > 98 and " " in line.strip()[:60]]
    assert not wide


def columns(line: str) -> int:
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in line)


def test_the_toml_of_an_explanation_can_be_pasted(attnprobe: Attnprobe) -> None:
    sections = json.loads(attnprobe("explain", "AP004", "--format", "json").stdout)["sections"]
    text = "\n".join(each["code"] for each in sections)
    given = tomllib.loads(text)["tool"]["attnprobe"]
    assert given["options"] == {"AP004": {"min_length": 10}}
    assert given["severity"] == {"AP004": "warning"}
    assert given["ignore"][0]["rule"] == "AP004"


def test_an_explanation_as_json_holds_the_sections_by_name(attnprobe: Attnprobe) -> None:
    found = json.loads(attnprobe("explain", "AP004", "--format", "json", "--lang", "zh").stdout)
    assert found["name"] == "AP004"
    names = [each["name"] for each in found["sections"]]
    assert names == [
        "why",
        "how",
        "limits",
        "wrong_when",
        "fix",
        "configure",
        "ignore",
        "references",
        "since",
    ]
    assert (
        json.loads(attnprobe("explain", "flops_forward", "--format", "json").stdout)["rows"]["Unit"] == "FLOP"
    )


def test_an_explanation_as_markdown_has_headings_and_code(attnprobe: Attnprobe) -> None:
    said = attnprobe("explain", "AP004", "--format", "md").stdout
    assert said.startswith("# `AP004`\n")
    assert "\n## Why it matters\n\n" in said
    assert "\n```toml\n[[tool.attnprobe.ignore]]\n" in said


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("AP0O4", "AP004"),
        ("APOO4", "AP004"),
        ("ap00A", "AP00"),
        ("ignore-without-reasons", "ignore-without-reason"),
    ],
)
def test_a_rule_mistyped_offers_the_nearest(typed: str, meant: str, attnprobe: Attnprobe) -> None:
    ran = attnprobe("explain", typed)
    assert ran.exit_code == 2
    assert f"did you mean '{meant}" in ran.stderr


def test_text_of_a_pack_is_text_in_every_form() -> None:
    hostile = "<script>x</script> [a](javascript:x) \x1b[31m ##[error]x"
    explanation = Explanation(
        name="X001", title=hostile, sections=(Section(name="why", heading="Why", words=hostile),)
    )
    for form in (as_text, as_markdown):
        assert "\x1b" not in form(explanation)
        assert "##[error]" not in form(explanation)
    assert "<script>" not in as_markdown(explanation)
    assert "[a](" not in as_markdown(explanation)
    assert json.loads(as_json(explanation))["title"] == hostile


@pytest.mark.parametrize(
    ("language", "title"), [("en", "Sliding-window attention"), ("zh", "滑动窗口注意力")]
)
def test_a_built_in_attention_is_explained(language: str, title: str, attnprobe: Attnprobe) -> None:
    said = attnprobe("explain", "sliding_window", "--lang", language).stdout
    assert said.startswith(f"sliding_window: {title}\n")
    assert "window_size = 1024" in said
    assert "arXiv:2004.05150" in said


def test_a_built_in_attention_is_found_by_its_other_names(attnprobe: Attnprobe) -> None:
    assert attnprobe("explain", "gqa").stdout == attnprobe("explain", "grouped_query").stdout
