"""A rule explained: what, why, how, limits, when it is wrong, what to do, how to configure or ignore it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from attnprobe.commands.explaining.explanation import Explanation, Section
from attnprobe.commands.explaining.words import WORDS

if TYPE_CHECKING:
    from attnprobe.checking.packs import Option, Rule, RuleRemedy
    from attnprobe.records import Metric, Replacement


def of_rule(
    rule: Rule, language: str, metrics: Mapping[str, Metric], replacements: Mapping[str, Replacement]
) -> Explanation:
    """All that there is to say of a rule.

    Args:
        rule: The rule.
        language: "en" or "zh".
        metrics: The metric dictionary, for units and certainty.
        replacements: The built-in attentions by name.
    """
    words = WORDS[language]
    return Explanation(
        name=rule.id,
        title=f"{rule.name}: {rule.title[language]}",
        rows={
            words["severity"]: words[rule.severity],
            words["category"]: rule.category,
            words["precision"]: rule.precision,
            words["level"]: words[f"of_{rule.level}"],
            words["certainty"]: rule.exactness,
        },
        sections=tuple(_sections(rule, language, metrics, replacements)),
    )


def _sections(
    rule: Rule, language: str, metrics: Mapping[str, Metric], replacements: Mapping[str, Replacement]
) -> Iterator[Section]:
    words = WORDS[language]

    def section(name: str, text: str = "", items: tuple[str, ...] = (), code: str = "") -> Section:
        return Section(name=name, heading=words[name], words=text, items=items, code=code)

    yield section("why", rule.why[language])
    yield section("how", rule.how[language], tuple(_how(rule, language, metrics)))
    if rule.options:
        yield section("limits", items=tuple(_limit(name, each) for name, each in rule.options.items()))
    yield section("wrong_when", rule.wrong_when[language])
    if rule.suggest:
        yield section("fix", items=tuple(_fix(each, language, replacements) for each in rule.suggest))
    yield section("configure", code=_configuration(rule))
    yield section("ignore", words["or_comment"].format(id=rule.id), code=_ignore(rule, words))
    yield section("references", items=rule.references)
    status = f"{rule.status}, {rule.replaced_by}" if rule.replaced_by else rule.status
    yield section("since", f"{rule.since} ({status}); {rule.origin}")


def _how(rule: Rule, language: str, metrics: Mapping[str, Metric]) -> Iterator[str]:
    words = WORDS[language]
    yield f"{words['condition']}{words['colon']}{rule.when.text}"
    if rule.applies:
        otherwise = rule.applies.otherwise[language]
        shown = f"{rule.applies.when.text} ({words['else']}{words['colon']}{otherwise})"
        yield f"{words['only_where']}{words['colon']}{shown}"
    for name in rule.metrics:
        metric = metrics[name]
        unit = words["plain"] if metric.unit == "1" else metric.unit
        needs = f", {words['needs_data']}" if metric.needs_data else ""
        yield f"{name}: {metric.title} ({unit}, {metric.exactness}{needs})"


def _limit(name: str, option: Option) -> str:
    low = "" if option.min is None else str(option.min)
    high = "" if option.max is None else str(option.max)
    within = f" ({low}..{high})" if low or high else ""
    choices = f" ({', '.join(option.choices)})" if option.choices else ""
    return f"{name} = {_toml(option.default)}{within}{choices}"


def _fix(remedy: RuleRemedy, language: str, replacements: Mapping[str, Replacement]) -> str:
    words = WORDS[language]
    given = ", ".join(f"{name}={_toml(value)}" for name, value in remedy.options.items())
    if remedy.change:
        return f"{remedy.change[language].rstrip('.。')} ({words[remedy.exactness]})"
    known = replacements.get(remedy.name)
    title = f"{known.title[language]} ({words[known.exactness]})" if known else words["built_in"]
    return f"{remedy.name}{f'({given})' if given else ''}: {title}"


def _configuration(rule: Rule) -> str:
    lines = [f"[tool.attnprobe.options.{rule.id}]"] if rule.options else []
    lines += [f"{name} = {_toml(option.default)}" for name, option in rule.options.items()]
    lines += [""] if lines else []
    return "\n".join((*lines, "[tool.attnprobe.severity]", f'{rule.id} = "{rule.severity}"'))


def _ignore(rule: Rule, words: Mapping[str, str]) -> str:
    return "\n".join(
        (
            "[[tool.attnprobe.ignore]]",
            f'rule = "{rule.id}"',
            'module = "*"',
            f'reason = "{words["reason"]}"',
            "until = 2027-06-30",
        )
    )


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)
