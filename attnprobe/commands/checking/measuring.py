"""What a check measures: all that costs no run, and of the rest what the rules and budgets read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from attnprobe.records import Probe, Settings

if TYPE_CHECKING:
    from attnprobe.checking.packs import Rule
    from attnprobe.registry import Plugin

# Its trials stand with the suggestions, though no rule reads a number of it: it runs when those do that it
# is called for by.
_TELLING = ("remedies",)


def without_idle_probes(
    given: Mapping[str, Any], rules: Iterable[Rule], settings: Settings
) -> Mapping[str, Any]:
    """The options of a scan without the measured probes whose numbers nothing judges.

    Options that name the probes stay as they are.

    Args:
        given: By the names of the parameters.
        rules: All that there are.
        settings: Which of them are chosen, and the budgets.
    """
    from attnprobe.checking.evaluating import chosen
    from attnprobe.dictionary import probes_of
    from attnprobe.registry import discover

    if given["probes"]:
        return given
    read = {metric for rule in chosen(rules, settings) for metric in rule.metrics}
    needed = probes_of(read | {budget.metric for budget in settings.budgets})
    probes: Mapping[str, Plugin[Probe]] = discover("attnprobe.probes", "probe", group="attnprobe.probes")
    for name in _TELLING:
        if name in probes and set(probes[name].value.after) & set(needed):
            needed = (*needed, name)
    idle = (n for n, each in probes.items() if each.value.depth == "measured" and n not in needed)
    return {**given, "skip_probes": tuple(sorted({*given["skip_probes"], *idle}))}
