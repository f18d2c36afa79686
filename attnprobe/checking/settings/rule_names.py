"""The rules that the settings speak of, held against the rules that there are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from attnprobe.checking.settings.tables import Scalar
from attnprobe.errors import SettingsError
from attnprobe.records import Override, Settings, Severity
from attnprobe.registry import nearest

_PREFIX = re.compile(r"[A-Z]+\d*")


class KnownOption(Protocol):
    """An option of a rule."""

    def fault(self, value: object) -> str:
        """What is wrong with a value for it; "" when nothing is."""


class KnownRule(Protocol):
    """What has to be known of a rule."""

    @property
    def id(self) -> str:
        """ "AP202"."""

    @property
    def name(self) -> str:
        """ "quadratic-core-dominates"."""

    @property
    def options(self) -> Mapping[str, KnownOption]:
        """Its options, named without "opt_"."""


def names_rule(code: str, rule_id: str, rule_name: str) -> bool:
    """Whether a code, "AP202", "AP2", "quadratic-core-dominates" or "ALL", names a rule."""
    is_prefix = _PREFIX.fullmatch(code) and rule_id.startswith(code)
    return code in (rule_id, rule_name, "ALL") or bool(is_prefix)


def checked_against(settings: Settings, rules: Sequence[KnownRule]) -> Settings:
    """The same settings with every rule under its id; a severity may also stand under a prefix.

    Ignores are left as they are: one of an unknown rule is a finding, not an error.

    Raises:
        SettingsError: A rule or option that does not exist, or a value that its option refuses; with the
            place where it was written, and the nearest name.
    """
    names = _Names(rules, settings.origins)
    for key, codes in (("select", settings.select), ("deselect", settings.deselect)):
        for code in codes:
            names.check_code(code, key)
    return replace(
        settings,
        severity=names.severities(settings.severity),
        options=names.options(settings.options, "options"),
        overrides=tuple(_override(names, each) for each in settings.overrides),
    )


def _override(names: _Names, override: Override) -> Override:
    return replace(
        override,
        severity=names.severities(override.severity, override.origin),
        options=names.options(override.options, "options", override.origin),
    )


class _Names:
    def __init__(self, rules: Iterable[KnownRule], origins: Mapping[str, str]) -> None:
        self.rules = {rule.id: rule for rule in rules}
        self.ids = {rule.name: rule.id for rule in self.rules.values()} | {each: each for each in self.rules}
        self.origins = origins

    def check_code(self, code: str, key: str, origin: str = "") -> None:
        """A code must name a rule or more; "AP" may name none, as the rules may all be of another pack."""
        if code != "AP" and not any(names_rule(code, rule.id, rule.name) for rule in self.rules.values()):
            raise self._unknown(code, origin or self.origins.get(key, ""))

    def severities(self, values: Mapping[str, Severity], origin: str = "") -> dict[str, Severity]:
        """Severities by id or prefix."""
        found: dict[str, Severity] = {}
        for written, value in values.items():
            if written not in self.ids:
                self.check_code(written, f"severity.{written}", origin)
            found[self.ids.get(written, written)] = value
        return found

    def options(
        self, values: Mapping[str, Mapping[str, Scalar]], key: str, origin: str = ""
    ) -> dict[str, Mapping[str, Scalar]]:
        """Options by id, each known to its rule and of a value that it takes."""
        found: dict[str, Mapping[str, Scalar]] = {}
        for written, options in values.items():
            rule = self.rules[self._id(written, key, origin)]
            for name, value in options.items():
                self._check_option(rule, name, value, origin or self._place(key, written, name))
            found[rule.id] = {**found.get(rule.id, {}), **options}
        return found

    def _check_option(self, rule: KnownRule, name: str, value: Scalar, origin: str) -> None:
        if name not in rule.options:
            known = tuple(rule.options)
            raise SettingsError(
                f"{rule.id} has no option '{name}'{nearest(name, known)}",
                hint=f"Known: {', '.join(known)}." if known else "It has none at all.",
                location=origin,
            )
        fault = rule.options[name].fault(value)
        if fault:
            raise SettingsError(f"{rule.id}.{name}: {fault}", location=origin)

    def _id(self, written: str, key: str, origin: str) -> str:
        if written not in self.ids:
            raise self._unknown(written, origin or self._place(key, written, ""))
        return self.ids[written]

    def _unknown(self, code: str, origin: str) -> SettingsError:
        known = tuple(self.ids)
        return SettingsError(
            f"no rule is named '{code}'{nearest(code.upper(), known) or nearest(code, known)}",
            hint="`attnprobe rules list` shows them all.",
            location=origin,
        )

    def _place(self, key: str, rule: str, option: str) -> str:
        """Where an entry of a table stands, however its dot and its option were written."""
        tails = (f".{option}", f".opt_{option}", "") if option else ("",)
        candidates = (*(f"{key}.{rule}{tail}" for tail in tails), key)
        return next((self.origins[each] for each in candidates if each in self.origins), "")
