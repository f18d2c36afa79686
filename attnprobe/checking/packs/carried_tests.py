"""The tests that a rule file carries."""

from __future__ import annotations

from collections.abc import Mapping

from attnprobe.checking.expressions import OPTION, Fact, Name
from attnprobe.checking.packs.context import Context, Steps
from attnprobe.checking.packs.form import MetricsTest, SampleTest
from attnprobe.checking.packs.rule import FactsTest, ModelTest, Value
from attnprobe.registry import nearest


def carried_test(context: Context, number: int) -> FactsTest | ModelTest:
    """One of them.

    Raises:
        RuleError: A name that the level has not, a value of another kind, an option out of its range.
    """
    given, steps = context.form.tests[number], ("tests", number)
    options = _options(context, steps, given.options)
    if isinstance(given, SampleTest):
        return _on_sample(given, options, context.source.line(steps))
    return _of_facts(context, steps, given, options)


def _on_sample(given: SampleTest, options: Mapping[str, Value], line: int) -> ModelTest:
    return ModelTest(
        sample=given.sample,
        expected=tuple(given.fires) if isinstance(given.fires, list) else given.fires,
        static=given.static,
        train=given.train,
        seq_len=given.seq_len,
        batch_size=given.batch_size,
        dtype=given.dtype,
        options=options,
        line=line,
    )


def _of_facts(context: Context, steps: Steps, given: MetricsTest, options: Mapping[str, Value]) -> FactsTest:
    names = context.vocabulary
    parts = [
        _facts(context, (*steps, "parts", number), each, names.parts or {})
        for number, each in enumerate(given.parts)
    ]
    return FactsTest(
        facts=_facts(context, (*steps, "metrics"), given.metrics, names.names),
        parts=tuple(parts),
        options=options,
        expected=given.fires,
        line=context.source.line(steps),
    )


def _options(context: Context, steps: Steps, given: Mapping[str, Value]) -> Mapping[str, Value]:
    for name, value in given.items():
        option = context.options.get(name.removeprefix(OPTION))
        here = (*steps, "options", name)
        if option is None:
            raise context.source.fault_of_key(here, f"the rule has no option '{name}'")
        if wrong := option.fault(value):
            raise context.source.fault(here, f"{name}: {wrong}")
    return {name.removeprefix(OPTION): value for name, value in given.items()}


def _facts(
    context: Context, steps: Steps, given: Mapping[str, Fact], known: Mapping[str, Name]
) -> Mapping[str, Fact]:
    for name, value in given.items():
        if name not in known:
            raise context.source.fault_of_key((*steps, name), f"no name '{name}'{nearest(name, known)}")
        if wrong := _unlike(value, known[name]):
            raise context.source.fault((*steps, name), f"{name}: {wrong}")
    return dict(given)


def _unlike(value: Fact, name: Name) -> str:
    """What is wrong with a fact, in words."""
    if value is None:
        return ""
    kind = "bool" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
    if kind != name.kind:
        return f"found a {kind}, {value!r}; expected a {name.kind}"
    if name.labels and value not in name.labels:
        return f"{value!r} is none of {', '.join(name.labels)}{nearest(str(value), name.labels)}"
    return ""
