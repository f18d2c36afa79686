"""Places where a rule fired become findings: one for a group of identical layers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from attnprobe.checking.evaluating.choosing import is_blocking
from attnprobe.checking.evaluating.explaining import formula, limits
from attnprobe.checking.evaluating.facts import where_of
from attnprobe.checking.evaluating.formatting import message
from attnprobe.checking.evaluating.subjects import Subject
from attnprobe.checking.expressions import OPTION, Expression, Fact, Missing
from attnprobe.checking.packs import Rule, Value
from attnprobe.checking.packs.placeholders import fact_named
from attnprobe.name_patterns import numberless
from attnprobe.records import Finding, Instance, Location, Settings, Severity, Suggestion

_RANGE = re.compile(r"\{[0-9.,]*\}")


@dataclass(frozen=True, slots=True)
class Hit:
    """A subject at which the rule fired, and under which options and severity."""

    subject: Subject
    options: Mapping[str, Value]
    severity: Severity
    heads: tuple[int, ...] = ()


def findings_of(rule: Rule, hits: Iterable[Hit], settings: Settings, entry: str) -> tuple[Finding, ...]:
    """One finding for the hits of one group, severity and set of options, in order of appearance.

    Args:
        entry: Which model was scanned, "model.py:GPT()".
    """
    groups: dict[object, list[Hit]] = {}
    for hit in hits:
        key = (hit.subject.where, hit.subject.key, hit.severity, tuple(hit.options.items()))
        groups.setdefault(key, []).append(hit)
    seen: dict[str, int] = {}
    return tuple(_finding(rule, group, settings, entry, seen) for group in groups.values())


def fingerprint(rule: Rule, subject: Subject, entry: str, ordinal: int) -> str:
    """What stays the same when lines and numbers change: 16 hex digits.

    sha256 of the rule, the model, the group's name without its numbers, the mechanism, and the subject's key.
    Groups that differ in numbers alone (every other layer) are told apart by their order.
    """
    mechanism = subject.sites[0].mechanism if subject.sites else ""
    parts = [rule.id, entry, numberless(_RANGE.sub("*", subject.where)), mechanism, subject.key]
    if ordinal:
        parts.append(str(ordinal))
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _finding(
    rule: Rule, hits: Sequence[Hit], settings: Settings, entry: str, seen: dict[str, int]
) -> Finding:
    places = _worst_first(rule, _by_site(rule, hits))
    worst, instances = places[0][0], tuple(instance for _, instance in places)
    subject, options = worst.subject, worst.options
    given = (subject.facts, options, subject.parts)
    sites = tuple(dict.fromkeys(site.id for hit in hits for site in hit.subject.sites))
    where = _where(hits) if sites else subject.where
    said = _said(rule, worst, instances[0], where, len(sites) or len(instances))
    first = fingerprint(rule, subject, entry, 0)
    ordinal = seen.get(first, 0)
    seen[first] = ordinal + 1
    return Finding(
        rule=rule.id,
        name=rule.name,
        severity=worst.severity,
        sites=sites,
        heads=instances[0].heads,
        location=instances[0].location,
        message=message(rule.message["en"], said),
        messages={language: message(text, said) for language, text in rule.message.items()},
        evidence=instances[0].evidence,
        savings=(),
        suggestions=tuple(_suggestions(rule, worst, said)),
        fingerprint=fingerprint(rule, subject, entry, ordinal),
        where=where,
        limits=limits(rule, *given),
        formula=formula(rule, *given),
        instances=instances,
        is_blocking=is_blocking(rule, worst.severity, settings),
    )


def _by_site(rule: Rule, hits: Sequence[Hit]) -> list[tuple[Hit, Instance]]:
    """Every place; the heads of one site are one place, with the evidence of the worst."""
    sites: dict[str, list[Hit]] = {}
    for number, hit in enumerate(hits):
        key = hit.subject.site if hit.subject.head is not None else f"\0{number}"
        sites.setdefault(key, []).append(hit)
    return [_place(rule, heads) for heads in sites.values()]


def _place(rule: Rule, hits: Sequence[Hit]) -> tuple[Hit, Instance]:
    worst, evidence = hits[0], _evidence(rule, hits[0])
    for hit in hits[1:]:
        other = _evidence(rule, hit)
        if _badness(rule, other) < _badness(rule, evidence):
            worst, evidence = hit, other
    heads = [hit.subject.head for hit in hits if hit.subject.head is not None]
    return worst, Instance(
        site=worst.subject.site,
        heads=tuple(heads) or worst.heads,
        evidence=evidence,
        location=_location(rule, worst.subject),
    )


def _evidence(rule: Rule, hit: Hit) -> Mapping[str, Fact]:
    return {
        each.name: hit.subject.facts.get(each.name) if each.value is None else _value(each.value, hit)
        for each in rule.evidence
    }


def _value(expression: Expression, hit: Hit) -> Fact:
    try:
        value: Fact = expression(hit.subject.facts, hit.options, hit.subject.parts)
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


def _worst_first(rule: Rule, places: list[tuple[Hit, Instance]]) -> list[tuple[Hit, Instance]]:
    return sorted(places, key=lambda place: _badness(rule, place[1].evidence))


def _location(rule: Rule, subject: Subject) -> Location | None:
    if subject.location is not None or not subject.sites:
        return subject.location
    site = subject.sites[0]
    return site.lines.get(rule.at) or site.location


def _where(hits: Sequence[Hit]) -> str:
    """The name of the group when all of it was hit, else that of the sites that were."""
    sites = {site.id: site for hit in hits for site in hit.subject.sites}
    subject = hits[0].subject
    return subject.where if len(sites) == subject.facts.get("group_size") else where_of(tuple(sites.values()))


def _said(rule: Rule, hit: Hit, instance: Instance, where: str, count: int) -> Mapping[str, Fact]:
    """Everything that a message may name."""
    return {
        "site": hit.subject.site or "the model",
        **hit.subject.facts,
        **{OPTION + name: value for name, value in hit.options.items()},
        **instance.evidence,
        "where": where or "the model",
        "heads": ", ".join(map(str, instance.heads)),
        "count": count,
    }


def _suggestions(rule: Rule, hit: Hit, said: Mapping[str, Fact]) -> Iterator[Suggestion]:
    """The remedies of the rule whose condition holds here. Which of them fit the site is not asked yet."""
    for each in rule.suggest:
        if each.when is not None and _value(each.when, hit) is not True:
            continue
        yield Suggestion(
            name=each.name,
            options=_filled(each.options, said),
            exactness=each.exactness or "retrain",
            change=each.change,
        )


def _filled(options: Mapping[str, Value], said: Mapping[str, Fact]) -> Mapping[str, Value]:
    """Options with "{name}" as the number of that name; those whose number is not known are left out."""
    known: dict[str, Value] = {}
    for option, value in options.items():
        name = fact_named(value)
        number = said.get(name) if name else value
        if isinstance(number, float) and number.is_integer():
            number = int(number)
        if number is not None:
            known[option] = number
    return known
