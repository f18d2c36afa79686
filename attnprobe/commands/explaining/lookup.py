"""What a name stands for: an error code, a metric, or a rule by its id or name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING

from attnprobe.commands.explaining.explanation import Explanation
from attnprobe.commands.explaining.of_rule import of_rule
from attnprobe.dictionary import Entry, facts
from attnprobe.errors import AttnprobeError, UsageError
from attnprobe.registry import Plugin, discover

if TYPE_CHECKING:
    from attnprobe.records import Replacement


def codes() -> Mapping[str, type[AttnprobeError]]:
    """Every error code."""
    return {cls.code: cls for cls in _family(AttnprobeError)}


def explained(name: str, language: str, metrics: Mapping[str, Entry]) -> Explanation:
    """The explanation of a name; upper and lower case are one.

    Raises:
        UsageError: Nothing has that name; offers the nearest.
    """
    if name.upper() in codes():
        return _of_error(codes()[name.upper()])
    if name.lower() in metrics:
        entry = metrics[name.lower()]
        return Explanation(name=entry.metric.name, title=entry.metric.title, rows=facts(entry))
    from attnprobe.checking.packs import installed, nearest_rule

    rules, _ = installed()
    for rule in rules:
        if name.upper() == rule.id or name.lower() == rule.name:
            known = {key: entry.metric for key, entry in metrics.items()}
            return of_rule(rule, language, known, _replacements())
    raise UsageError(
        f"nothing is named '{name}'{nearest_rule(name, rules, (*metrics, *codes()))}",
        hint="`attnprobe explain` without a name lists all metrics, rules and error codes.",
    )


def _of_error(cls: type[AttnprobeError]) -> Explanation:
    text = inspect.cleandoc(cls.__doc__ or "").split("\n\n", 1)[0]
    return Explanation(name=cls.code, title=text, rows={"Exit code": str(cls.exit_code)})


def _replacements() -> Mapping[str, Replacement]:
    found: Mapping[str, Plugin[Replacement]] = discover(
        "attnprobe.suggesting", "replacement", group="attnprobe.replacements"
    )
    return {name: plugin.value for name, plugin in found.items()}


def _family(cls: type[AttnprobeError]) -> tuple[type[AttnprobeError], ...]:
    return (cls, *(found for child in cls.__subclasses__() for found in _family(child)))
