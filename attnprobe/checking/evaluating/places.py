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


@dataclass(slots=True)
class Hit:
    """A subject at which the rule fired, and under which options and severity."""

    subject: Subject
    options: Mapping[str, Value]  # equal ones are one object
    severity: Severity


@dataclass(slots=True)
class Place:
    """Where a finding is: its worst hit, with what it shows."""

    hit: Hit
    evidence: Mapping[str, Fact]
    badness: float  # smaller is worse
    heads: tuple[int, ...] = ()


def places_of(rule: Rule, hits: Sequence[Hit]) -> list[Place]:
    """Every place, the worst first. The heads of one site are one place, with the evidence of the worst."""
    found: dict[object, Place] = {}
    for number, hit in enumerate(hits):
        evidence = _evidence(rule, hit)
        place = Place(hit, evidence, _badness(rule, evidence))
        head = hit.subject.head
        if head is None:
            found[number] = place
            continue
        known = found.get(hit.subject.site)
        heads = (*known.heads, head) if known else (head,)
        if known is None or place.badness < known.badness:
            found[hit.subject.site] = known = place
        known.heads = heads
    condition = _counted(rule) if rule.level == "site" else None
    if condition is not None:
        holds = compiled(condition)
        for place in found.values():
            place.heads = _heads(holds, place.hit)
    return sorted(found.values(), key=lambda place: place.badness)


def instance_of(rule: Rule, place: Place) -> Instance:
    """The place as a report gets it."""
    subject = place.hit.subject
    return Instance(
        site=subject.site, heads=place.heads, evidence=place.evidence, location=_location(rule, subject)
    )


def _heads(holds: Evaluate, hit: Hit) -> tuple[int, ...]:
    """Of a site whose rule counts heads: those that are counted."""
    parts = hit.subject.parts()
    return tuple(number for number, part in enumerate(parts) if _known(holds, part, hit.options) is True)


def _counted(rule: Rule) -> ast.expr | None:
    """What the first share() of a rule counts."""
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
