"""Places where a rule fired become findings: one for a group of identical layers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256

from attnprobe.checking.evaluating.choosing import is_blocking
from attnprobe.checking.evaluating.explaining import formula, limits
from attnprobe.checking.evaluating.facts import where_of
from attnprobe.checking.evaluating.formatting import message
from attnprobe.checking.evaluating.places import Hit, instance_of, places_of, value_at
from attnprobe.checking.evaluating.subjects import Subject
from attnprobe.checking.expressions import OPTION, Fact
from attnprobe.checking.packs import Rule, Value
from attnprobe.checking.packs.placeholders import fact_named
from attnprobe.name_patterns import numberless
from attnprobe.records import Finding, Instance, Settings, Suggestion

_MODEL: Mapping[str, str] = {"en": "the model", "zh": "模型"}
_RANGE = re.compile(r"\{[0-9.,]*\}")


def findings_of(rule: Rule, hits: Iterable[Hit], settings: Settings, entry: str) -> tuple[Finding, ...]:
    """One finding for the hits of one group, severity and set of options, in order of appearance.

    Args:
        entry: Which model was scanned, "model.py:GPT()".
    """
    groups: dict[object, list[Hit]] = {}
    for hit in hits:
        key = (hit.subject.where, hit.subject.key, hit.severity, id(hit.options))
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
    places = places_of(rule, hits)
    worst, instances = places[0].hit, tuple(instance_of(rule, place) for place in places)
    subject, options = worst.subject, worst.options
    given = (subject.facts, options, subject.parts)
    sites = tuple(dict.fromkeys(site.id for hit in hits for site in hit.subject.sites))
    where = _where(hits) if sites else subject.where
    count = len(sites) or len(instances)
    said = {language: _said(language, worst, instances[0], where, count) for language in rule.message}
    messages = {language: message(text, said[language]) for language, text in rule.message.items()}
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
        message=messages["en"],
        messages=messages,
        evidence=instances[0].evidence,
        savings=(),
        suggestions=tuple(_suggestions(rule, worst, said["en"])),
        fingerprint=fingerprint(rule, subject, entry, ordinal),
        where=where,
        limits=limits(rule, *given),
        formula=formula(rule, *given),
        instances=instances,
        is_blocking=is_blocking(rule, worst.severity, settings),
    )


def _where(hits: Sequence[Hit]) -> str:
    """The name of the group when all of it was hit, else that of the sites that were."""
    sites = {site.id: site for hit in hits for site in hit.subject.sites}
    subject = hits[0].subject
    return subject.where if len(sites) == subject.facts.get("group_size") else where_of(tuple(sites.values()))


def _said(language: str, hit: Hit, instance: Instance, where: str, count: int) -> Mapping[str, Fact]:
    """Everything that a message may name."""
    model, facts = _MODEL[language], hit.subject.facts
    return {
        **facts,
        **{OPTION + name: value for name, value in hit.options.items()},
        **instance.evidence,
        "site": hit.subject.site or facts.get("site") or model,
        "where": where or model,
        "heads": ", ".join(map(str, instance.heads)),
        "count": count,
    }


def _suggestions(rule: Rule, hit: Hit, said: Mapping[str, Fact]) -> Iterator[Suggestion]:
    """The remedies of the rule whose condition holds here. Which of them fit the site is not asked yet."""
    for each in rule.suggest:
        if each.when is not None and value_at(each.when, hit) is not True:
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
