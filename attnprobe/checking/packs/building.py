"""A tree becomes a rule: the form first, then everything that takes knowledge of metrics and facts."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError

from attnprobe.change_facts import CHANGE_FACTS
from attnprobe.checking.expressions import OPTION, Expression
from attnprobe.checking.packs.carried_tests import carried_test
from attnprobe.checking.packs.context import KINDS, Context, Source
from attnprobe.checking.packs.form import OptionForm, RuleForm
from attnprobe.checking.packs.form_faults import form_fault
from attnprobe.checking.packs.names import OF_MODEL, Dictionary
from attnprobe.checking.packs.nodes import plain
from attnprobe.checking.packs.rule import Applies, Evidence, Option, Rule, RuleRemedy
from attnprobe.checking.packs.shown_parts import evidence_of, remedy_of
from attnprobe.checking.packs.texts import both, checked_message
from attnprobe.records import Exactness
from attnprobe.registry import nearest

_CERTAINTY: tuple[Exactness, ...] = ("exact", "modelled", "sampled", "noisy")


def build(source: Source, known: Dictionary) -> Rule:
    """The rule of a file.

    Args:
        source: The file.
        known: What rules may name.

    Raises:
        RuleError: The first thing that is wrong, with its line and column.
    """
    try:
        form = RuleForm.model_validate(plain(source.root))
    except ValidationError as error:
        raise form_fault(error, source.root, source.shown) from None
    _check_identity(source, form)
    options = {name.removeprefix(OPTION): _option(source, name, each) for name, each in form.options.items()}
    kinds = {name: KINDS[option.type] for name, option in options.items()}
    return _rule(Context(source, form, known.metrics, options, known.vocabulary(form.level, kinds)))


def _rule(context: Context) -> Rule:
    form, source = context.form, context.source
    when, applies = context.expression(("when",), form.when), _applies(context)
    evidence = tuple(evidence_of(context, number) for number in range(len(form.evidence)))
    suggest = tuple(remedy_of(context, number) for number in range(len(form.suggest)))
    _check_requires(context)
    _check_options(context, when, applies, evidence, suggest)
    decisive = tuple(dict.fromkeys((*when.names, *form.requires)))
    asked = applies.when.names if applies else ()
    return Rule(
        id=form.id,
        name=form.name,
        since=form.since,
        status=form.status,
        replaced_by=form.replaced_by or "",
        category=form.category,
        severity=form.severity,
        precision=form.precision,
        level=form.level,
        requires=tuple(form.requires),
        applies=applies,
        when=when,
        at=form.at,
        options=context.options,
        evidence=evidence,
        suggest=suggest,
        title=both(form.text.title),
        message=checked_message(context, evidence),
        why=both(form.text.why),
        how=both(form.text.how),
        wrong_when=both(form.text.wrong_when),
        references=tuple(form.references),
        tests=tuple(carried_test(context, number) for number in range(len(form.tests))),
        metrics=_metrics(context, (*decisive, *asked, *_names_of(evidence))),
        exactness=_exactness(context, decisive),
        needs_data=tuple(n for n in _metrics(context, decisive) if context.metrics[n].needs_data),
        pack=source.pack,
        pack_version=source.pack_version,
        origin=source.shown,
        path=str(source.path),
    )


def _check_identity(source: Source, form: RuleForm) -> None:
    expected = f"{form.id}-{form.name}"
    if source.path.stem != expected:
        raise source.fault(("id",), f"the file is '{source.path.stem}.yaml'; expected '{expected}.yaml'")
    if form.status == "removed" and not form.replaced_by:
        raise source.fault(("status",), "a removed rule says in `replaced_by` which one to use")


def _option(source: Source, name: str, given: OptionForm) -> Option:
    option = Option(
        type=given.type,
        default=given.default,
        min=given.min,
        max=given.max,
        choices=tuple(given.choices or ()),
    )
    if wrong := option.fault(given.default):
        raise source.fault(("options", name, "default"), f"the default of '{name}': {wrong}")
    return option


def _applies(context: Context) -> Applies | None:
    given = context.form.applies
    if given is None:
        return None
    when = context.expression(("applies", "when"), given.when)
    return Applies(when=when, otherwise=both(given.otherwise))


def _check_requires(context: Context) -> None:
    """Each is a name of the subject or of its parts."""
    known = {**(context.vocabulary.parts or {}), **context.vocabulary.names}
    for number, name in enumerate(context.form.requires):
        if name not in known:
            raise context.source.fault(("requires", number), f"no name '{name}'{nearest(name, known)}")


def _check_options(
    context: Context,
    when: Expression,
    applies: Applies | None,
    evidence: Iterable[Evidence],
    suggest: Iterable[RuleRemedy],
) -> None:
    """An option that nothing uses would be turned in vain."""
    asked = (
        when,
        applies.when if applies else None,
        *(each.value for each in evidence),
        *(each.when for each in suggest),
    )
    used = {name for expression in asked if expression for name in expression.options}
    for name in context.form.options:
        if name.removeprefix(OPTION) not in used:
            raise context.source.fault_of_key(("options", name), f"the option '{name}' is used nowhere")


def _metrics(context: Context, names: Iterable[str]) -> tuple[str, ...]:
    """The metrics among the names; a total counts as its metric."""
    found = (name if name in context.metrics else name.removeprefix(OF_MODEL) for name in names)
    return tuple(dict.fromkeys(name for name in found if name in context.metrics))


def _exactness(context: Context, names: Iterable[str]) -> Exactness:
    """Of the least exact."""
    if context.form.level == "change":
        grades = [CHANGE_FACTS[name].exactness for name in names if name in CHANGE_FACTS]
    else:
        grades = [context.metrics[name].exactness for name in _metrics(context, names)]
    return max(grades, key=_CERTAINTY.index, default="exact")


def _names_of(evidence: Iterable[Evidence]) -> Iterable[str]:
    for each in evidence:
        yield from each.value.names if each.value else (each.name,)
