"""The form of a rule file, as pydantic checks it and as `schema` publishes it.

Types are strict: "5" is no number and 1 is no boolean. What takes more than types (names of metrics, kinds in
expressions, placeholders) is checked in `building`.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from attnprobe.records import Category, Number, Severity, Subjects

Fact = int | float | str | bool | None
Line = Annotated[str, Field(min_length=1, max_length=2000)]
Condition = Annotated[str, Field(min_length=1, max_length=2000)]
OptionName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
MetricName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=80)]
At: TypeAlias = Literal[
    "site",
    "scores",
    "normaliser",
    "values",
    "mask",
    "late_mask",
    "query",
    "key",
    "value",
    "heads",
    "dropout",
    "parameter",
]


class _Form(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)


class Bilingual(_Form):
    """One text in both languages."""

    en: Line
    zh: Line


class AppliesForm(_Form):
    """Where the rule has something to say, and what is said elsewhere."""

    when: Condition
    otherwise: Bilingual


class OptionForm(_Form):
    """A threshold that a user may set."""

    type: Literal["int", "float", "str", "bool"]
    default: int | float | str | bool
    min: Number | None = None
    max: Number | None = None
    choices: list[str] | None = None


class EvidenceForm(_Form):
    """A number that is shown: a metric, or an expression under a name of its own."""

    metric: MetricName | None = None
    name: MetricName | None = None
    value: Condition | None = None
    want: Literal["lower", "higher"] | None = None


class ReplacementForm(_Form):
    """A built-in attention as the remedy."""

    replacement: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    options: dict[OptionName, int | float | str | bool] = Field(default_factory=dict)
    when: Condition | None = None


class ChangeForm(_Form):
    """A change of the code as the remedy."""

    change: Bilingual
    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    exactness: Literal["exact", "approximate", "retrain"]
    when: Condition | None = None


class TextForm(_Form):
    """What is said of the state."""

    title: Bilingual
    message: Bilingual
    why: Bilingual
    how: Bilingual
    wrong_when: Bilingual


class MetricsTest(_Form):
    """Facts of one subject, and what the rule makes of them."""

    metrics: dict[MetricName, Fact]
    parts: list[dict[MetricName, Fact]] = Field(default_factory=list)  # of its heads or sites
    options: dict[OptionName, int | float | str | bool] = Field(default_factory=dict)
    fires: bool | Literal["not_measured", "not_applicable"]


class SampleTest(_Form):
    """A sample model, and where the rule fires on it."""

    sample: Annotated[str, Field(pattern=r"^[A-Za-z0-9_./-]+(\.py(:[A-Za-z_][A-Za-z0-9_]*)?)$")]
    fires: bool | list[str] | Literal["not_measured", "not_applicable"]
    static: bool = False
    train: bool = False
    seq_len: int | None = None
    batch_size: int | None = None
    dtype: Literal["float32", "bfloat16", "float16", "float64"] | None = None
    options: dict[OptionName, int | float | str | bool] = Field(default_factory=dict)


def _kind(key: str, with_it: str, without_it: str) -> Discriminator:
    return Discriminator(lambda data: with_it if isinstance(data, dict) and key in data else without_it)


Remedy = Annotated[
    Annotated[ReplacementForm, Tag("a replacement")] | Annotated[ChangeForm, Tag("a change")],
    _kind("replacement", "a replacement", "a change"),
]
Test = Annotated[
    Annotated[SampleTest, Tag("a sample")] | Annotated[MetricsTest, Tag("of metrics")],
    _kind("sample", "a sample", "of metrics"),
]


class RuleForm(_Form):
    """One rule: a file `<ID>-<name>.yaml`."""

    schema_: Annotated[int, Field(alias="schema", ge=1, le=1)]  # a Literal[1] would take `true`
    id: Annotated[str, Field(pattern=r"^[A-Z]{2,8}[0-9]{3}$")]
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=60)]
    since: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")]
    status: Literal["preview", "stable", "deprecated", "removed"]
    replaced_by: Annotated[str, Field(pattern=r"^[A-Z]{2,8}[0-9]{3}$")] | None = None
    category: Category
    severity: Severity
    precision: Literal["very-high", "high", "medium", "low"]
    level: Subjects
    requires: list[MetricName] = Field(default_factory=list)
    applies: AppliesForm | None = None
    when: Condition
    at: At = "site"
    options: dict[OptionName, OptionForm] = Field(default_factory=dict)
    evidence: Annotated[list[EvidenceForm], Field(min_length=1)]
    suggest: list[Remedy] = Field(default_factory=list)
    text: TextForm
    references: Annotated[list[Line], Field(min_length=1)]
    tests: Annotated[list[Test], Field(min_length=2)]


FORMS: dict[str, tuple[type[BaseModel], ...]] = {  # by the key under which they stand
    "": (RuleForm,),
    "applies": (AppliesForm, Bilingual),
    "options": (OptionForm,),
    "evidence": (EvidenceForm,),
    "suggest": (ReplacementForm, ChangeForm, Bilingual),
    "text": (TextForm, Bilingual),
    "tests": (MetricsTest, SampleTest),
}
