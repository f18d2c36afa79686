"""A tree becomes a rule: the form first, then everything that takes knowledge of metrics and facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from attnprobe.change_facts import CHANGE_FACTS
from attnprobe.checking.expressions import (
    Expression,
    ExpressionFault,
    Fact,
    Kind,
    Name,
    Vocabulary,
    read_expression,
)
from attnprobe.checking.expressions.vocabulary import OPTION
from attnprobe.checking.packs.form_faults import form_fault
from attnprobe.checking.packs.names import OF_MODEL, PLACEHOLDERS, vocabulary
from attnprobe.checking.packs.nodes import Node, Scalar, find, key_place, plain
from attnprobe.checking.packs.placeholders import pieces, placeholders
from attnprobe.checking.packs.positions import place_within
from attnprobe.checking.packs.rule import (
    Applies,
    Evidence,
    FactsTest,
    ModelTest,
    Option,
    Rule,
    RuleRemedy,
    Value,
)
from attnprobe.checking.packs.schema import (
    Bilingual,
    ChangeForm,
    MetricsTest,
    OptionForm,
    ReplacementForm,
    RuleForm,
    SampleTest,
)
from attnprobe.checking.packs.yaml_reading import fault
from attnprobe.errors import RuleError
from attnprobe.records import Exactness, Metric, Text
from attnprobe.registry import nearest

Steps = tuple[str | int, ...]
_KINDS: Mapping[str, Kind] = {"int": "number", "float": "number", "str": "text", "bool": "bool"}
_CERTAINTY: tuple[Exactness, ...] = ("exact", "modelled", "sampled", "noisy")
_PRONE_TO_NUMBERS = ("pct", "int", "num", "sci", "bytes", "flops", "ms", "ratio")


@dataclass(frozen=True, slots=True)
class Source:
    """A rule file that was read."""

    root: Node
    text: str
    shown: str
    path: Path  # of the file
    pack: str
    pack_version: str

    def fault(self, path: Steps, what: str, hint: str = "") -> RuleError:
        """An error about the value at a path."""
        return fault(self.shown, find(self.root, path).place, what, hint)


def build(source: Source, metrics: Mapping[str, Metric]) -> Rule:
    """The rule of a file.

    Args:
        metrics: The metric dictionary.

    Raises:
        RuleError: The first thing that is wrong, with its line and column.
    """
    try:
        form = RuleForm.model_validate(plain(source.root))
    except ValidationError as error:
        raise form_fault(error, source.root, source.shown) from None
    return _Builder(source, form, metrics).rule()


class _Builder:
    def __init__(self, source: Source, form: RuleForm, metrics: Mapping[str, Metric]) -> None:
        self.source = source
        self.form = form
        self.metrics = metrics
        self.options = {
            name.removeprefix(OPTION): self._option(name, given) for name, given in form.options.items()
        }
        kinds = {name: _KINDS[option.type] for name, option in self.options.items()}
        self.vocabulary: Vocabulary = vocabulary(form.level, metrics, kinds)

    def rule(self) -> Rule:
        form = self.form
        self._check_identity()
        when = self._expression(("when",), form.when)
        applies = self._applies()
        requires = tuple(self._known(("requires", n), name) for n, name in enumerate(form.requires))
        evidence = tuple(self._evidence(n) for n in range(len(form.evidence)))
        texts = self._texts(evidence)
        decisive = self._metrics_of((*when.names, *requires))
        read = (*decisive, *(applies.when.names if applies else ()), *_evidence_names(evidence))
        self._check_options((when, *([applies.when] if applies else [])))
        return Rule(
            **{name: getattr(form, name) for name in _COPIED},
            **texts,
            replaced_by=form.replaced_by or "",
            requires=requires,
            applies=applies,
            when=when,
            options=self.options,
            evidence=evidence,
            suggest=tuple(self._remedy(n, each) for n, each in enumerate(form.suggest)),
            references=tuple(form.references),
            tests=tuple(self._test(n, each) for n, each in enumerate(form.tests)),
            metrics=tuple(dict.fromkeys(self._metrics_of(read))),
            exactness=self._exactness((*when.names, *requires)),
            needs_data=tuple(n for n in dict.fromkeys(decisive) if self.metrics[n].needs_data),
            pack=self.source.pack,
            pack_version=self.source.pack_version,
            origin=self.source.shown,
            path=str(self.source.path),
        )

    def _check_identity(self) -> None:
        expected = f"{self.form.id}-{self.form.name}"
        if self.source.path.stem != expected:
            raise self.source.fault(
                ("id",), f"the file is '{self.source.path.stem}.yaml'; expected '{expected}.yaml'"
            )
        if self.form.status == "removed" and not self.form.replaced_by:
            raise self.source.fault(("status",), "a removed rule says in `replaced_by` which one to use")

    def _option(self, name: str, given: OptionForm) -> Option:
        option = Option(
            type=given.type,
            default=given.default,
            min=given.min,
            max=given.max,
            choices=tuple(given.choices or ()),
        )
        wrong = option.fault(given.default)
        if wrong:
            raise self.source.fault(("options", name, "default"), f"the default of '{name}': {wrong}")
        return option

    def _expression(self, path: Steps, text: str, kind: Kind = "bool") -> Expression:
        try:
            return read_expression(text, self.vocabulary, kind)
        except ExpressionFault as error:
            node = find(self.source.root, path)
            place = node.place
            if isinstance(node, Scalar):
                place = place_within(node, self.source.text, error.offset)
            raise fault(self.source.shown, place, error.message) from None

    def _applies(self) -> Applies | None:
        given = self.form.applies
        if given is None:
            return None
        when = self._expression(("applies", "when"), given.when)
        return Applies(when=when, otherwise=_both(given.otherwise))

    def _known(self, path: Steps, name: str) -> str:
        """A name that the level knows, of the subject or of its parts."""
        known = {**(self.vocabulary.parts or {}), **self.vocabulary.names}
        if name not in known:
            raise self.source.fault(path, f"no name '{name}'{nearest(name, known)}")
        return name

    def _evidence(self, number: int) -> Evidence:
        given, path = self.form.evidence[number], ("evidence", number)
        if given.metric is not None and given.name is None and given.value is None:
            if given.metric not in self.vocabulary.names:
                known = self.vocabulary.names
                raise self.source.fault(
                    (*path, "metric"), f"no name '{given.metric}'{nearest(given.metric, known)}"
                )
            return Evidence(name=given.metric, want=given.want or "")
        if given.metric is not None or given.name is None or given.value is None:
            raise self.source.fault(path, "expected either `metric`, or `name` and `value`")
        if given.name in self.vocabulary.names:
            raise self.source.fault((*path, "name"), f"'{given.name}' already is the name of a fact")
        value = self._expression((*path, "value"), given.value, "number")
        return Evidence(name=given.name, value=value, want=given.want or "")

    def _texts(self, evidence: Iterable[Evidence]) -> dict[str, Text]:
        text = self.form.text
        options = {OPTION + name: Name(_KINDS[option.type]) for name, option in self.options.items()}
        own = {each.name: Name("number") for each in evidence if each.value is not None}
        known = {**self.vocabulary.names, **options, **own, **PLACEHOLDERS}
        for language in ("en", "zh"):
            self._check_message(("text", "message", language), getattr(text.message, language), known)
        english, chinese = placeholders(text.message.en), placeholders(text.message.zh)
        if english != chinese:
            differing = sorted({f"{{{n}}}" for n, _ in set(english) ^ set(chinese)})
            raise self.source.fault(
                ("text", "message", "zh"),
                f"other placeholders than in `en`: {', '.join(differing) or 'other counts'}",
            )
        return {name: _both(getattr(text, name)) for name in type(text).model_fields}

    def _check_message(self, path: Steps, message: str, known: Mapping[str, Name]) -> None:
        try:
            found = pieces(message)
        except ValueError as error:
            raise self.source.fault(path, f"message: {error}") from None
        for _, name, form in found:
            if name and name not in known:
                raise self.source.fault(path, f"message: no name '{name}'{nearest(name, known)}")
            if name and form in _PRONE_TO_NUMBERS and known[name].kind != "number":
                raise self.source.fault(
                    path, f"message: {{{name}:{form}}} is for numbers; '{name}' is a {known[name].kind}"
                )

    def _check_options(self, expressions: Iterable[Expression]) -> None:
        remedies = [
            self._expression(("suggest", n, "when"), each.when)
            for n, each in enumerate(self.form.suggest)
            if each.when
        ]
        own = [
            self._expression(("evidence", n, "value"), each.value, "number")
            for n, each in enumerate(self.form.evidence)
            if each.value
        ]
        used = {name for each in (*expressions, *remedies, *own) for name in each.options}
        for name in self.form.options:
            if name.removeprefix(OPTION) not in used:
                place = key_place(self.source.root, ("options", name))
                raise fault(self.source.shown, place, f"the option '{name}' is used nowhere")

    def _remedy(self, number: int, given: ReplacementForm | ChangeForm) -> RuleRemedy:
        when = self._expression(("suggest", number, "when"), given.when) if given.when else None
        if isinstance(given, ReplacementForm):
            return RuleRemedy(
                name=given.replacement, options=given.options, exactness="", change={}, when=when
            )
        return RuleRemedy(
            name=given.name, options={}, exactness=given.exactness, change=_both(given.change), when=when
        )

    def _test(self, number: int, given: MetricsTest | SampleTest) -> FactsTest | ModelTest:
        path: Steps = ("tests", number)
        line = find(self.source.root, path).place.line
        options = self._test_options(path, given.options)
        if isinstance(given, SampleTest):
            expected = given.fires if isinstance(given.fires, bool) else tuple(given.fires)
            copied = {name: getattr(given, name) for name in _COPIED_OF_SAMPLES}
            return ModelTest(**copied, expected=expected, options=options, line=line)
        parts = tuple(
            self._facts((*path, "parts", n), each, self.vocabulary.parts or {})
            for n, each in enumerate(given.parts)
        )
        facts = self._facts((*path, "metrics"), given.metrics, self.vocabulary.names)
        return FactsTest(facts=facts, parts=parts, options=options, expected=given.fires, line=line)

    def _test_options(self, path: Steps, given: Mapping[str, Value]) -> Mapping[str, Value]:
        for name, value in given.items():
            option = self.options.get(name.removeprefix(OPTION))
            if option is None:
                raise self.source.fault((*path, "options", name), f"the rule has no option '{name}'")
            if wrong := option.fault(value):
                raise self.source.fault((*path, "options", name), f"{name}: {wrong}")
        return {name.removeprefix(OPTION): value for name, value in given.items()}

    def _facts(self, path: Steps, given: Mapping[str, Fact], known: Mapping[str, Name]) -> Mapping[str, Fact]:
        for name, value in given.items():
            if name not in known:
                place = key_place(self.source.root, (*path, name))
                raise fault(self.source.shown, place, f"no name '{name}'{nearest(name, known)}")
            wrong = _unlike(value, known[name])
            if wrong:
                raise self.source.fault((*path, name), f"{name}: {wrong}")
        return dict(given)

    def _metrics_of(self, names: Iterable[str]) -> tuple[str, ...]:
        """The metrics among the names; a total counts as its metric."""
        found = (name if name in self.metrics else name.removeprefix(OF_MODEL) for name in names)
        return tuple(name for name in found if name in self.metrics)

    def _exactness(self, names: Iterable[str]) -> Exactness:
        if self.form.level == "change":
            grades = [CHANGE_FACTS[name].exactness for name in names if name in CHANGE_FACTS]
        else:
            grades = [self.metrics[name].exactness for name in self._metrics_of(names)]
        return max(grades, key=_CERTAINTY.index, default="exact")


_COPIED = ("id", "name", "since", "status", "category", "severity", "precision", "level", "at")
_COPIED_OF_SAMPLES = ("sample", "static", "train", "seq_len", "batch_size", "dtype")


def _evidence_names(evidence: Iterable[Evidence]) -> Iterable[str]:
    for each in evidence:
        yield from each.value.names if each.value else (each.name,)


def _both(text: Bilingual) -> Text:
    return {"en": text.en, "zh": text.zh}


def _unlike(value: Fact, name: Name) -> str:
    """What is wrong with a fact of a test, in words."""
    if value is None:
        return ""
    kind = "bool" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
    if kind != name.kind:
        return f"found a {kind}, {value!r}; expected a {name.kind}"
    if name.labels and value not in name.labels:
        return f"{value!r} is none of {', '.join(name.labels)}{nearest(str(value), name.labels)}"
    return ""
