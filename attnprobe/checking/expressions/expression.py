"""An expression of a rule: checked when it is read, fast when it is evaluated."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

from attnprobe.checking.expressions.compiling import Evaluate, Parts, compiled, no_parts
from attnprobe.checking.expressions.reading import FOLDS, parsed
from attnprobe.checking.expressions.vocabulary import OPTION, Facts, Kind, Options, Vocabulary


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """A text, its tree, and the function it stands for."""

    text: str
    tree: ast.expr
    evaluate: Evaluate
    names: tuple[str, ...]  # of facts, of the subject and its parts, in order of appearance
    options: tuple[str, ...]  # that it uses, without "opt_"
    is_over_parts: bool  # it asks for the heads of a site, or the sites of a group or model

    def __call__(self, facts: Facts, options: Options, parts: Parts = no_parts) -> Any:
        """The value.

        Raises:
            Missing: A fact on which the value hangs is not known.
        """
        return self.evaluate(facts, options, parts)


def read_expression(text: str, vocabulary: Vocabulary, kind: Kind = "bool") -> Expression:
    """An expression from its text.

    Raises:
        ExpressionFault: What is wrong with it, and at which character.
    """
    found = parsed(text, vocabulary, kind)
    return Expression(
        text=" ".join(text.split()),
        tree=found.tree,
        evaluate=compiled(found.tree),
        names=tuple(name for name in found.names if not name.startswith(OPTION)),
        options=tuple(name.removeprefix(OPTION) for name in found.names if name.startswith(OPTION)),
        is_over_parts=found.is_over_parts,
    )


def is_over_parts(node: ast.AST) -> bool:
    """Whether a node is share(), largest(), smallest() or median()."""
    return (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("share", *FOLDS)
    )
