"""Whether a replacement fits the sites of a finding, and with which options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attnprobe.records import Number, Replacement, ReplacementOption
from attnprobe.suggesting.modelling.formulas import Facts, Unknown, number, value

Value = Number | str | bool
Options = Mapping[str, Value]


def options_at(replacement: Replacement, given: Options, sites: Sequence[Facts]) -> Options | None:
    """The options cut to what every one of the sites allows; None where nothing is left.

    An option that the rule does not give has its default.
    """
    chosen: dict[str, Value] = {}
    for name, option in replacement.options.items():
        found = _cut(option, given.get(name), sites)
        if found is None:
            return None
        chosen[name] = found
    return chosen


def why_not(replacement: Replacement, facts: Facts) -> Mapping[str, str]:
    """Why a replacement makes no sense at a site, in all languages; empty where it does."""
    for condition in replacement.fits:
        try:
            if not value(condition.when, facts):
                return condition.otherwise
        except Unknown:
            return condition.otherwise
    return {}


def _cut(option: ReplacementOption, given: Value | None, sites: Sequence[Facts]) -> Value | None:
    """The value nearest to the wanted one that all sites allow; None where their bounds leave none."""
    if isinstance(option.default, bool):
        return option.default if given is None else given
    try:
        wanted = [_wanted(option, given, facts) for facts in sites]
        lowest = [number(option.low, facts) for facts in sites if option.low]
        highest = [number(option.high, facts) for facts in sites if option.high]
    except Unknown:
        return None
    bounded = min([max(wanted), *highest])
    return bounded if all(bounded >= low for low in lowest) else None


def _wanted(option: ReplacementOption, given: Value | None, facts: Facts) -> Number:
    """What the rule asks for at a site: a number, or "{metric}"; else the default."""
    if isinstance(given, str):
        return number(given.strip("{} "), facts)
    return number(str(option.default), facts) if given is None else given
