"""Every rule that comes with us: its form, its texts, and the tests that it carries."""

from __future__ import annotations

import pytest

from attnprobe.checking.evaluating.testing import fault_of_facts, fault_on_sample
from attnprobe.checking.packs import FactsTest, ModelTest, Rule, load_rules
from attnprobe.checking.packs.placeholders import placeholders
from attnprobe.commands.explaining.replacements import replacements
from tests.checking.scanned_samples import scan_of

RULES = load_rules()
FACTS = [(rule, test) for rule in RULES for test in rule.tests if isinstance(test, FactsTest)]
SAMPLES = [(rule, test) for rule in RULES for test in rule.tests if isinstance(test, ModelTest)]


def _id(value: object) -> str:
    if isinstance(value, Rule):
        return value.id
    if isinstance(value, ModelTest):
        return f"line{value.line}-{value.sample}"
    return f"line{value.line}" if isinstance(value, FactsTest) else str(value)


@pytest.mark.parametrize("rule", RULES, ids=_id)
def test_a_rule_speaks_both_languages(rule: Rule) -> None:
    for text in (rule.title, rule.message, rule.why, rule.how, rule.wrong_when):
        assert set(text) == {"en", "zh"}
        assert any("一" <= letter <= "鿿" for letter in text["zh"]), text["zh"]
        assert not any("一" <= letter <= "鿿" for letter in text["en"]), text["en"]
    assert placeholders(rule.message["en"]) == placeholders(rule.message["zh"])


@pytest.mark.parametrize("rule", RULES, ids=_id)
def test_a_rule_is_tested_where_it_fires_and_where_it_is_silent(rule: Rule) -> None:
    expected = {bool(test.expected) for test in rule.tests if not isinstance(test.expected, str)}
    assert expected == {True, False}


@pytest.mark.parametrize("rule", RULES, ids=_id)
def test_a_rule_of_ours_lies_in_its_file(rule: Rule) -> None:
    assert rule.origin.endswith(f"/{rule.id}-{rule.name}.yaml")
    assert rule.pack == "core"


@pytest.mark.parametrize("rule", RULES, ids=_id)
def test_a_rule_offers_attentions_that_there_are(rule: Rule) -> None:
    offered = {each.name for each in rule.suggest if not each.change}
    assert offered <= replacements().keys()


@pytest.mark.parametrize(("rule", "test"), FACTS, ids=_id)
def test_a_rule_judges_the_facts_of_its_tests(rule: Rule, test: FactsTest) -> None:
    assert fault_of_facts(rule, test) == ""


@pytest.mark.parametrize(("rule", "test"), SAMPLES, ids=_id)
def test_a_rule_judges_the_samples_of_its_tests(rule: Rule, test: ModelTest) -> None:
    assert fault_on_sample(rule, test, scan_of(rule, test)) == ""
