"""What a rule shows beside its message: the evidence, and the remedies."""

from __future__ import annotations

from attnprobe.checking.packs.context import Context
from attnprobe.checking.packs.form import ReplacementForm
from attnprobe.checking.packs.placeholders import fact_named
from attnprobe.checking.packs.rule import Evidence, RuleRemedy
from attnprobe.checking.packs.texts import both
from attnprobe.registry import nearest


def evidence_of(context: Context, number: int) -> Evidence:
    """One entry of the evidence: a fact, or an expression under a name of its own.

    Raises:
        RuleError: Neither or both, an unknown name, or a name that a fact already has.
    """
    given, steps = context.form.evidence[number], ("evidence", number)
    known = context.vocabulary.names
    if given.metric is not None and given.name is None and given.value is None:
        if given.metric not in known:
            what = f"no name '{given.metric}'{nearest(given.metric, known)}"
            raise context.source.fault((*steps, "metric"), what)
        return Evidence(name=given.metric, want=given.want or "")
    if given.metric is not None or given.name is None or given.value is None:
        raise context.source.fault(steps, "expected either `metric`, or `name` and `value`")
    if given.name in known:
        raise context.source.fault((*steps, "name"), f"'{given.name}' already is the name of a fact")
    value = context.expression((*steps, "value"), given.value, "number")
    return Evidence(name=given.name, value=value, want=given.want or "")


def remedy_of(context: Context, number: int) -> RuleRemedy:
    """One of the suggestions.

    Raises:
        RuleError: Its condition is no expression.
    """
    given = context.form.suggest[number]
    when = context.expression(("suggest", number, "when"), given.when) if given.when else None
    if isinstance(given, ReplacementForm):
        _check_facts_of_options(context, number, given)
        return RuleRemedy(name=given.replacement, options=given.options, exactness="", change={}, when=when)
    return RuleRemedy(
        name=given.name, options={}, exactness=given.exactness, change=both(given.change), when=when
    )


def _check_facts_of_options(context: Context, number: int, given: ReplacementForm) -> None:
    """An option "{name}" stands for a number that the level knows, or one of the evidence."""
    own = {each.name for each in context.form.evidence if each.name}
    known = {name for name, of in context.vocabulary.names.items() if of.kind == "number"} | own
    for option, value in given.options.items():
        name = fact_named(value)
        if name and name not in known:
            steps = ("suggest", number, "options", option)
            raise context.source.fault(steps, f"no number '{name}'{nearest(name, tuple(sorted(known)))}")
