"""What a name stands for: an error code, a metric, or a rule by its id or name."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from attnprobe.commands.explaining.explanation import Explanation
from attnprobe.commands.explaining.of_rule import of_rule
from attnprobe.dictionary import Entry, facts
from attnprobe.errors import AttnprobeError, UsageError
from attnprobe.registry import Plugin, discover, nearest

if TYPE_CHECKING:
    from attnprobe.checking.packs import Rule
    from attnprobe.records import Replacement

_LOOKALIKES = str.maketrans({"O": "0", "I": "1", "L": "1", "Z": "2", "S": "5", "B": "8"})


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
    from attnprobe.checking.packs import installed

    rules, _ = installed()
    for rule in rules:
        if name.upper() == rule.id or name.lower() == rule.name:
            known = {key: entry.metric for key, entry in metrics.items()}
            return of_rule(rule, language, known, _replacements())
    raise UsageError(
        f"nothing is named '{name}'{_nearest(name, rules, (*metrics, *codes()))}",
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


def _nearest(name: str, rules: Iterable[Rule], others: tuple[str, ...]) -> str:
    """ "AP1O1" is AP101 with a letter for a digit; anything else is near by its spelling."""
    ids = {rule.id: rule for rule in rules}
    upper = name.upper()
    digits = upper[:2] + upper[2:].translate(_LOOKALIKES)
    if digits in ids:
        return f"; did you mean '{digits}'?"
    if upper[:1].isalpha() and any(letter.isdigit() for letter in upper):
        best = max(ids, key=lambda each: SequenceMatcher(None, each, upper).ratio(), default="")
        if best and SequenceMatcher(None, best, upper).ratio() >= 0.75:
            return f"; did you mean '{best}'?"
    return nearest(name.lower(), (*(rule.name for rule in ids.values()), *others))


def _family(cls: type[AttnprobeError]) -> tuple[type[AttnprobeError], ...]:
    return (cls, *(found for child in cls.__subclasses__() for found in _family(child)))
