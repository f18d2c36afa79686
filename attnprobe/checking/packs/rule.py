"""A rule, ready to be applied. All of it is data and checked expressions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from attnprobe.checking.expressions import Expression, Fact
from attnprobe.records import Category, Exactness, Number, Severity, Subjects, Text

Value = Number | str | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A threshold that a user may set."""

    type: Literal["int", "float", "str", "bool"]
    default: Value
    min: Number | None = None
    max: Number | None = None
    choices: tuple[str, ...] = ()

    def fault(self, value: object) -> str:
        """What is wrong with a value for it, in words: "3 is above the largest, 1"; "" when nothing is."""
        if not self._has_type(value):
            words = {"int": "a whole number", "float": "a number", "str": "text", "bool": "true or false"}
            return f"{value!r} is not {words[self.type]}"
        if isinstance(value, int | float) and not isinstance(value, bool):
            if value != value or value in (float("inf"), float("-inf")):
                return f"{value} is not finite"
            if self.min is not None and value < self.min:
                return f"{value} is below the smallest, {self.min}"
            if self.max is not None and value > self.max:
                return f"{value} is above the largest, {self.max}"
        if self.choices and value not in self.choices:
            return f"{value!r} is none of {', '.join(self.choices)}"
        return ""

    def _has_type(self, value: object) -> bool:
        if self.type == "bool":
            return isinstance(value, bool)
        if self.type == "str":
            return isinstance(value, str)
        numbers = (int,) if self.type == "int" else (int, float)
        return isinstance(value, numbers) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class Applies:
    """Where a rule has something to say, and what is said elsewhere."""

    when: Expression
    otherwise: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A number that is shown with a finding."""

    name: str
    value: Expression | None = None  # None: the fact of that name
    want: Literal["lower", "higher", ""] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRemedy:
    """What the rule offers: a built-in attention (no `change`), or a change of the code."""

    name: str
    options: Mapping[str, Value]
    exactness: Literal["exact", "approximate", "retrain", ""]  # "": the replacement knows
    change: Text
    when: Expression | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsTest:
    """Facts of one subject, and what the rule makes of them."""

    facts: Mapping[str, Fact]
    parts: tuple[Mapping[str, Fact], ...]
    options: Mapping[str, Value]
    expected: bool | Literal["not_measured", "not_applicable"]
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTest:
    """A sample model, and where the rule fires on it."""

    sample: str  # "sample_models/gpt_handwritten.py"
    expected: bool | tuple[str, ...] | Literal["not_measured", "not_applicable"]  # ids of sites
    static: bool
    train: bool
    seq_len: int | None
    batch_size: int | None
    dtype: str | None
    options: Mapping[str, Value]
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule file, checked."""

    id: str
    name: str
    since: str
    status: Literal["preview", "stable", "deprecated", "removed"]
    replaced_by: str
    category: Category
    severity: Severity
    precision: Literal["very-high", "high", "medium", "low"]
    level: Subjects
    requires: tuple[str, ...]
    applies: Applies | None
    when: Expression
    at: str  # which line of the site is pointed to: "site", "scores", "mask" …
    options: Mapping[str, Option]  # without "opt_"
    evidence: tuple[Evidence, ...]
    suggest: tuple[RuleRemedy, ...]
    title: Text
    message: Text
    why: Text
    how: Text
    wrong_when: Text
    references: tuple[str, ...]
    tests: tuple[FactsTest | ModelTest, ...]
    metrics: tuple[str, ...]  # that it reads
    exactness: Exactness  # of the least exact that its condition hangs on
    needs_data: tuple[str, ...]  # those of its condition that mean little on random inputs
    pack: str  # "core"
    pack_version: str  # "" for a folder
    origin: str  # the file, as shown: "rules/core/AP202-quadratic-core-dominates.yaml"
    path: str  # of the file, to look beside it

    @property
    def defaults(self) -> Mapping[str, Value]:
        """The options as the rule sets them."""
        return {name: option.default for name, option in self.options.items()}

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """All of them: the condition, where it applies, what is shown, when a remedy is offered."""
        found = (
            self.when,
            self.applies.when if self.applies else None,
            *(each.value for each in self.evidence),
            *(each.when for each in self.suggest),
        )
        return tuple(each for each in found if each is not None)
