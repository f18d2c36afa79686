"""A rule file that was read, and what its parts are checked against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from attnprobe.checking.expressions import (
    OPTION,
    Expression,
    ExpressionFault,
    Kind,
    Vocabulary,
    read_expression,
)
from attnprobe.checking.packs.form import RuleForm
from attnprobe.checking.packs.nodes import Node, Scalar, find, key_place
from attnprobe.checking.packs.positions import place_within
from attnprobe.checking.packs.rule import Option
from attnprobe.checking.packs.yaml_reading import fault
from attnprobe.errors import RuleError
from attnprobe.records import Metric

Steps = tuple[str | int, ...]  # from the root of the file to a value
KINDS: Mapping[str, Kind] = {"int": "number", "float": "number", "str": "text", "bool": "bool"}


@dataclass(frozen=True, slots=True)
class Source:
    """A rule file that was read."""

    root: Node
    text: str
    shown: str
    path: Path
    pack: str
    pack_version: str

    def fault(self, steps: Steps, what: str, hint: str = "") -> RuleError:
        """An error about the value there."""
        return fault(self.shown, find(self.root, steps).place, what, hint)

    def fault_of_key(self, steps: Steps, what: str) -> RuleError:
        """An error about the last key of the steps."""
        return fault(self.shown, key_place(self.root, steps), what)

    def line(self, steps: Steps) -> int:
        """Where the value begins."""
        return find(self.root, steps).place.line


@dataclass(frozen=True, slots=True)
class Context:
    """A source of the right form, and the names that its level has."""

    source: Source
    form: RuleForm
    metrics: Mapping[str, Metric]  # the metric dictionary
    options: Mapping[str, Option]  # of the rule, without "opt_"
    vocabulary: Vocabulary

    def expression(self, steps: Steps, text: str, kind: Kind = "bool") -> Expression:
        """The expression in the value there.

        Raises:
            RuleError: What is wrong with it, at the column of the word that is.
        """
        try:
            return read_expression(text, self.vocabulary, kind)
        except ExpressionFault as error:
            node = find(self.source.root, steps)
            place = node.place
            if isinstance(node, Scalar):
                place = place_within(node, self.source.text, error.offset)
            raise fault(self.source.shown, place, error.message) from None

    def kinds_of_options(self) -> Mapping[str, Kind]:
        """The options as expressions and messages name them."""
        return {OPTION + name: KINDS[option.type] for name, option in self.options.items()}
