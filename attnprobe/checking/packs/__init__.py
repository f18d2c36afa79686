"""Packs of rules: YAML files become checked rules."""

from attnprobe.checking.packs.loading import (
    check_paths,
    find_rule,
    installed,
    load_file,
    load_rules,
    metric_dictionary,
    titles,
)
from attnprobe.checking.packs.nearest_rule import nearest_rule
from attnprobe.checking.packs.rule import (
    Applies,
    Evidence,
    FactsTest,
    ModelTest,
    Option,
    Rule,
    RuleRemedy,
    Value,
)
from attnprobe.checking.packs.ruleset import ruleset_of

__all__ = [
    "Applies",
    "Evidence",
    "FactsTest",
    "ModelTest",
    "Option",
    "Rule",
    "RuleRemedy",
    "Value",
    "check_paths",
    "find_rule",
    "installed",
    "load_file",
    "load_rules",
    "metric_dictionary",
    "nearest_rule",
    "ruleset_of",
    "titles",
]
