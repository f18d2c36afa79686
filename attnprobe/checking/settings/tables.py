"""The tables of the configuration that speak of rules: ignores, severities, options, overrides.

Whether a rule of that name exists is checked later, when the rules are known (`rule_names`).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import cast, get_args

from attnprobe.checking.settings import readers
from attnprobe.checking.settings.nodes import Node
from attnprobe.checking.settings.site_globs import site_matcher
from attnprobe.records import IgnoreEntry, Number, Override, Severity

Scalar = Number | str | bool

_IGNORE_KEYS = ("rule", "rules", "module", "site", "reason", "until", "owner")
_OVERRIDE_KEYS = ("match", "options", "severity")
_SEVERITIES = get_args(Severity)


def ignores(node: Node) -> tuple[IgnoreEntry, ...]:
    """`ignore = ["AP101", {rule = …}]` and `[[ignore]]`. A bare text is an ignore without a reason."""
    return tuple(_ignore(each) for each in node.elements())


def severities(node: Node) -> Mapping[str, Severity]:
    """`severity = {AP101 = "warning"}`."""
    choice = readers.choice(*_SEVERITIES)
    return {rule: cast(Severity, choice(each)) for rule, each in node.items()}


def options(node: Node) -> Mapping[str, Mapping[str, Scalar]]:
    """`options = {AP202.share = 0.3}`, nested or with the dot in quotes, with or without `opt_`."""
    found: dict[str, dict[str, Scalar]] = {}
    for name, each in node.items():
        rule, dot, option = name.partition(".")
        if dot:
            found.setdefault(rule, {})[bare_option(option)] = _scalar(each)
            continue
        for option, value in each.items():
            found.setdefault(rule, {})[bare_option(option)] = _scalar(value)
    return found


def overrides(node: Node) -> tuple[Override, ...]:
    """`[[override]]` with `match`, and `options` or `severity` for the sites that match."""
    return tuple(_override(each) for each in node.elements())


def bare_option(name: str) -> str:
    """ "opt_share" and "share" are one option."""
    return name.removeprefix("opt_")


def _ignore(node: Node) -> IgnoreEntry:
    if isinstance(node.value, str):
        return IgnoreEntry(rules=(readers.text(node),), origin=node.origin)
    node.only(_IGNORE_KEYS)
    given = dict(node.items())
    for one, other in (("rule", "rules"), ("module", "site")):
        if one in given and other in given:
            raise given[other].fault(f"either {one} or {other}", "both")
    named = given.get("rule") or given.get("rules")
    if named is None:
        raise node.fault("the key `rule`", "none")
    rules = readers.texts(named)
    if not rules:
        raise named.fault("a rule or more")
    return IgnoreEntry(
        rules=rules,
        site=_glob(given.get("module") or given.get("site")),
        reason=_optional(given.get("reason")).strip(),
        until=readers.day(given["until"]) if "until" in given else "",
        owner=_optional(given.get("owner")),
        origin=node.origin,
    )


def _override(node: Node) -> Override:
    node.only(_OVERRIDE_KEYS)
    given = dict(node.items())
    if "match" not in given:
        raise node.fault("the key `match`", "none")
    return Override(
        match=_glob(given["match"]),
        options=options(given["options"]) if "options" in given else {},
        severity=severities(given["severity"]) if "severity" in given else {},
        origin=node.origin,
    )


def _glob(node: Node | None) -> str:
    if node is None:
        return "*"
    written = readers.text(node)
    try:
        site_matcher(written)
    except ValueError as error:
        raise node.fault(f"a pattern of site names: {error}") from None
    return written


def _optional(node: Node | None) -> str:
    """A text that may be empty: an empty reason is a finding of a rule, not a fault of the file."""
    if node is None or node.value == "":
        return ""
    return readers.text(node)


def _scalar(node: Node) -> Scalar:
    value = node.value
    if not isinstance(value, bool | int | float | str):
        raise node.fault("a number, a text, true or false")
    if isinstance(value, float) and not isfinite(value):
        raise node.fault("a finite number", str(value))
    return value
