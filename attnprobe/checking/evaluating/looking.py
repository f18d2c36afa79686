"""One rule, one subject: fires, silent, not applicable, or not measured and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from attnprobe.checking.expressions import Facts, Missing, Options, Parts, no_parts
from attnprobe.checking.packs import Rule
from attnprobe.checking.packs.names import ALWAYS_KNOWN

Looked = Literal["fires", "silent", "not_applicable", "not_measured"]


@dataclass(frozen=True, slots=True)
class Look:
    """What came of it."""

    result: Looked
    missing: tuple[str, ...] = ()  # names of facts that would be needed
    reason: str = ""  # when nothing is missing: "division by zero in a / b", "random"


RANDOM = "random"  # the reason of a rule that needs data and got random inputs
_FIRES, _SILENT, _NOT_APPLICABLE = Look("fires"), Look("silent"), Look("not_applicable")


def look(rule: Rule, facts: Facts, options: Options, parts: Parts = no_parts) -> Look:
    """Apply a rule to one subject.

    Whether it applies comes first: where it does not, nothing needs to be known. Then what it requires, then
    its condition.

    Args:
        options: All of the rule's, without "opt_".
        parts: Gives the facts of the subject's heads or sites.
    """
    try:
        if rule.applies is not None and not rule.applies.when(facts, options, parts):
            return _NOT_APPLICABLE
        if None in map(facts.get, rule.requires):
            missing = [name for name in rule.requires if facts.get(name) is None]
            if not all(_known_of_parts(name, parts) for name in missing):
                return Look("not_measured", tuple(missing))
        if rule.needs_data and facts.get("data") == "random":
            return Look("not_measured", reason=RANDOM)
        return _FIRES if rule.when(facts, options, parts) else _SILENT
    except Missing as error:
        return Look("not_measured", error.names, error.reason)


def evaluate_facts(
    rule: Rule,
    facts: Facts,
    *,
    options: Options | None = None,
    parts: Sequence[Facts] = (),
) -> Look:
    """Apply a rule to facts that are given: those of a change, of an ignore, or of a rule's own tests.

    Args:
        facts: Of the subject; what is not there is not known.
        options: Without "opt_"; those not given are as the rule sets them.
        parts: Facts of its heads or sites.
    """
    return look(rule, facts, {**rule.defaults, **(options or {})}, lambda: parts)


def facts_of_test(facts: Facts, *, is_of_scan: bool) -> Mapping[str, str | int | float | bool | None]:
    """The facts of a rule's test: what every scan knows has a usual value where the test names none."""
    return {**ALWAYS_KNOWN, **facts} if is_of_scan else dict(facts)


def _known_of_parts(name: str, parts: Parts) -> bool:
    """Whether a required metric of the parts is known of one of them at least."""
    return any(part.get(name) is not None for part in parts())
