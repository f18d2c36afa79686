"""Expressions of rules: a small language over flat facts. Nothing of it is ever handed to `eval`."""

from attnprobe.checking.expressions.compiling import Parts, no_parts
from attnprobe.checking.expressions.expression import Expression, is_over_parts, read_expression
from attnprobe.checking.expressions.faults import ExpressionFault, Missing
from attnprobe.checking.expressions.vocabulary import OPTION, Fact, Facts, Kind, Name, Options, Vocabulary

__all__ = [
    "OPTION",
    "Expression",
    "ExpressionFault",
    "Fact",
    "Facts",
    "Kind",
    "Missing",
    "Name",
    "Options",
    "Parts",
    "Vocabulary",
    "is_over_parts",
    "no_parts",
    "read_expression",
]
