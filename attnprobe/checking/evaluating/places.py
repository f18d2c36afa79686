"""The places where a rule fired, with what they show: heads, evidence, the line."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attnprobe.checking.evaluating.subjects import Subject
from attnprobe.checking.expressions import Expression, Fact, Facts, Missing, Options, Parts, no_parts
from attnprobe.checking.expressions.compiling import Evaluate, compiled
from attnprobe.checking.packs import Rule, Value
from attnprobe.records import Instance, Location, Severity


@dataclass(frozen=True, slots=True)
class Hit:
    """A subject at which the rule fired, and under which options and severity."""

    subject: Subject
    options: Mapping[str, Value]
    severity: Severity


def places_of(rule: Rule, hits: Sequence[Hit]) -> list[tuple[Hit, Instance]]:
    """Every place with its worst hit, the worst place first. The heads of one site are one place."""
    sites: dict[str, list[Hit]] = {}
    for number, hit in enumerate(hits):
        key = hit.subject.site if hit.subject.head is not None else f"\0{number}"
        sites.setdefault(key, []).append(hit)
    places = [_place(rule, heads) for heads in sites.values()]
    return sorted(places, key=lambda place: _badness(rule, place[1].evidence))


def _place(rule: Rule, hits: Sequence[Hit]) -> tuple[Hit, Instance]:
    worst, evidence = hits[0], _evidence(rule, hits[0])
    for hit in hits[1:]:
        other = _evidence(rule, hit)
        if _badness(rule, other) < _badness(rule, evidence):
            worst, evidence = hit, other
    heads = [hit.subject.head for hit in hits if hit.subject.head is not None]
    return worst, Instance(
        site=worst.subject.site,
        heads=tuple(heads) or _heads(rule, worst),
        evidence=evidence,
        location=_location(rule, worst.subject),
    )


def _heads(rule: Rule, hit: Hit) -> tuple[int, ...]:
    """Of a site whose rule counts heads: those that the first share() counted."""
    condition = _counted(rule) if rule.level == "site" else None
    if condition is None:
        return ()
    holds = compiled(condition)
    return tuple(
        number for number, part in enumerate(hit.subject.parts()) if _known(holds, part, hit.options) is True
    )


def _counted(rule: Rule) -> ast.expr | None:
    for expression in (rule.when, *(each.value for each in rule.evidence)):
        if expression is not None and expression.is_over_parts:
            for node in ast.walk(expression.tree):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "share":
                    return node.args[0]
    return None


def _evidence(rule: Rule, hit: Hit) -> Mapping[str, Fact]:
    return {
        each.name: hit.subject.facts.get(each.name) if each.value is None else value_at(each.value, hit)
        for each in rule.evidence
    }


def value_at(expression: Expression, hit: Hit) -> Fact:
    """The value where a rule fired, or None where it is not known."""
    return _known(expression.evaluate, hit.subject.facts, hit.options, hit.subject.parts)


def _known(evaluate: Evaluate, facts: Facts, options: Options, parts: Parts = no_parts) -> Fact:
    try:
        value: Fact = evaluate(facts, options, parts)
    except Missing:
        return None
    return value


def _badness(rule: Rule, evidence: Mapping[str, Fact]) -> float:
    """Smaller is worse: by the first number of the evidence that has a wanted direction."""
    for each in rule.evidence:
        value = evidence[each.name]
        if each.want and isinstance(value, int | float):
            return float(-value if each.want == "lower" else value)
    return 0.0


def _location(rule: Rule, subject: Subject) -> Location | None:
    if subject.location is not None or not subject.sites:
        return subject.location
    site = subject.sites[0]
    return site.lines.get(rule.at) or site.location
