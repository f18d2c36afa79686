"""Which rules are applied, with which options and which severity."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from attnprobe.checking.packs import Rule, Value
from attnprobe.checking.settings import names_rule, site_matcher
from attnprobe.errors import SettingsError
from attnprobe.records import AttentionSite, Override, Settings, Severity
from attnprobe.registry import nearest

SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error")
_CERTAINTY = {"exact": 0, "modelled": 1, "sampled": 1, "noisy": 2}


def chosen(rules: Iterable[Rule], settings: Settings) -> tuple[Rule, ...]:
    """The rules in force: those selected and not deselected, the more precise word first.

    A preview rule is in force when previews are asked for, or when it is selected by its own id or name.
    """
    return tuple(rule for rule in rules if _is_chosen(rule, settings))


def matches(selector: str, rule: Rule) -> bool:
    """Whether "AP202", "quadratic-core-dominates" or the prefix "AP2" means this rule."""
    return names_rule(selector, rule.id, rule.name)


class Options:
    """The options and the severity of one rule, for the model and for each site.

    Raises:
        SettingsError: An option that the rule has not, or a value that it does not take.
    """

    def __init__(self, rule: Rule, settings: Settings) -> None:
        self.rule = rule
        self.everywhere = {**rule.defaults, **_given(rule, settings.options)}
        self.severity = _last(rule, settings.severity, rule.severity)
        self._same: dict[object, Mapping[str, Value]] = {
            tuple(self.everywhere.items()): self.everywhere
        }  # equal options are one object
        self.overrides: Sequence[tuple[Callable[[str], bool], Override, Mapping[str, Value]]] = [
            (site_matcher(each.match), each, _given(rule, each.options))
            for each in settings.overrides
            if _keys(rule, each.options) or _keys(rule, each.severity)
        ]

    def at(self, sites: Sequence[AttentionSite]) -> tuple[Mapping[str, Value], Severity]:
        """The options and the severity at the first of the sites. Of overrides that match, the last wins."""
        if not self.overrides or not sites:
            return self.everywhere, self.severity
        options, severity = self.everywhere, self.severity
        for is_at, override, given in self.overrides:
            if is_at(sites[0].id):
                options = {**options, **given}
                severity = _last(self.rule, override.severity, severity)
        return self._same.setdefault(tuple(options.items()), options), severity


def is_blocking(rule: Rule, severity: Severity, settings: Settings) -> bool:
    """Whether a finding may fail a check: severe enough, and exact enough unless it is about correctness."""
    if SEVERITIES.index(severity) < SEVERITIES.index(settings.fail_on):
        return False
    return rule.category == "correctness" or _CERTAINTY[rule.exactness] <= _CERTAINTY[settings.block]


def _is_chosen(rule: Rule, settings: Settings) -> bool:
    wanted = max((len(each) for each in settings.select if matches(each, rule)), default=-1)
    unwanted = max((len(each) for each in settings.deselect if matches(each, rule)), default=-1)
    if wanted < 0 or unwanted >= wanted:
        return False
    by_name = rule.id in settings.select or rule.name in settings.select
    return rule.status != "preview" or settings.preview or by_name


def _keys(rule: Rule, given: Mapping[str, object]) -> list[str]:
    """The keys that mean this rule, the least precise first."""
    return sorted((key for key in given if matches(key, rule)), key=len)


def _last(rule: Rule, given: Mapping[str, Severity], otherwise: Severity) -> Severity:
    keys = _keys(rule, given)
    return given[keys[-1]] if keys else otherwise


def _given(rule: Rule, given: Mapping[str, Mapping[str, Value]]) -> Mapping[str, Value]:
    found: dict[str, Value] = {}
    for key in (rule.name, rule.id):
        for name, value in given.get(key, {}).items():
            bare = name.removeprefix("opt_")
            option = rule.options.get(bare)
            if option is None:
                raise SettingsError(
                    f"{rule.id} has no option '{name}'{nearest(bare, tuple(rule.options))}",
                    hint=f"Its options: {', '.join(rule.options) or 'none'}.",
                )
            if wrong := option.fault(value):
                raise SettingsError(f"{rule.id}: option {bare}: {wrong}")
            found[bare] = value
    return found
