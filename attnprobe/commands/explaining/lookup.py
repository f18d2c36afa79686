"""What a name stands for: an error code, a metric, a rule by its id or name, or a built-in attention."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from attnprobe.commands.explaining.explanation import Explanation
from attnprobe.commands.explaining.of_replacement import attentions, of_attention, of_replacement
from attnprobe.commands.explaining.of_rule import of_rule
from attnprobe.commands.explaining.replacements import replacements
from attnprobe.dictionary import Entry, facts
from attnprobe.errors import AttnprobeError, UsageError


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
    from attnprobe.checking.packs import find_rule, installed, nearest_rule

    built_in = replacements()
    rule = find_rule(name)
    if rule is not None:
        dictionary = {key: entry.metric for key, entry in metrics.items()}
        return of_rule(rule, language, dictionary, built_in)
    if name.lower() in built_in:
        return of_replacement(built_in[name.lower()], language)
    if name.lower() in attentions():
        return of_attention(name.lower(), language)
    rules, _ = installed()
    known = (*metrics, *built_in, *attentions(), *codes())
    raise UsageError(
        f"nothing is named '{name}'{nearest_rule(name, rules, known)}",
        hint="`attnprobe explain` without a name lists everything that has one.",
    )


def _of_error(cls: type[AttnprobeError]) -> Explanation:
    text = inspect.cleandoc(cls.__doc__ or "").split("\n\n", 1)[0]
    return Explanation(name=cls.code, title=text, rows={"Exit code": str(cls.exit_code)})


def _family(cls: type[AttnprobeError]) -> tuple[type[AttnprobeError], ...]:
    return (cls, *(found for child in cls.__subclasses__() for found in _family(child)))
