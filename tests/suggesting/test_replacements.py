"""Every replacement is complete, and every name that a rule uses exists."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from attnprobe.checking.packs import load_rules
from attnprobe.dictionary import entries
from attnprobe.records import Replacement
from attnprobe.suggesting.modelling.catalogue import replacements
from attnprobe.suggesting.modelling.facts import FIELDS
from attnprobe.suggesting.modelling.formulas import names

KNOWN = {each.name: each for each in replacements().values()}
each_one = pytest.mark.parametrize("replacement", KNOWN.values(), ids=KNOWN)


@each_one
def test_texts_are_there_in_both_languages(replacement: Replacement) -> None:
    texts = (replacement.title, replacement.change, *(each.otherwise for each in replacement.fits))
    for text in texts:
        assert set(text) == {"en", "zh"}
        assert all(text.values())
        assert re.search("[A-Za-z]", text["en"])


@each_one
def test_texts_name_options_that_there_are(replacement: Replacement) -> None:
    in_both = [set(re.findall(r"{(\w+)}", replacement.change[language])) for language in ("en", "zh")]
    assert in_both[0] == in_both[1]
    assert in_both[0] <= set(replacement.options)


@each_one
def test_formulas_read_fields_metrics_and_options(replacement: Replacement) -> None:
    metrics = set(entries())
    facts = {*FIELDS, "reach", *metrics}
    for when in (each.when for each in replacement.fits):
        assert names(when) <= facts
    for option in replacement.options.values():
        for bound in (str(option.default), option.low, option.high):
            assert not bound or bound in ("True", "False") or names(bound) <= facts
    assert set(replacement.costs) <= metrics
    for formula in replacement.costs.values():
        assert names(formula) <= {*facts, *replacement.options}
    assert not set(replacement.options) & {*FIELDS, "reach"}  # an option goes before a metric


@each_one
def test_what_is_exact_has_no_risk_and_nothing_else_is_safe(replacement: Replacement) -> None:
    assert (replacement.exactness == "exact") == (replacement.risk == "none")


def test_names_and_options_that_rules_use_exist() -> None:
    used = [(rule, remedy) for rule in load_rules() for remedy in rule.suggest if not remedy.change]
    assert used
    unknown = [(rule.id, remedy.name) for rule, remedy in used if remedy.name not in replacements()]
    assert unknown == []
    odd = [
        (rule.id, remedy.name, option)
        for rule, remedy in used
        for option in remedy.options
        if option not in replacements()[remedy.name].options
    ]
    assert odd == []


def test_nothing_of_it_imports_torch() -> None:
    code = "import sys, attnprobe.suggesting as s; from attnprobe.suggesting.modelling import catalogue; "
    code += "catalogue.replacements(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
