"""Why a rule fired: its condition with the numbers put in, and what each metric was held against."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from attnprobe.checking.expressions import Facts, Missing, Options, Parts, is_over_parts
from attnprobe.checking.expressions.compiling import compiled
from attnprobe.checking.expressions.vocabulary import OPTION
from attnprobe.checking.packs import Rule
from attnprobe.records import Limit

_Comparison = Literal["<", "<=", ">", ">=", "==", "!="]
_SIGNS: Mapping[type[ast.cmpop], _Comparison] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
_OPPOSITE: Mapping[str, _Comparison] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
_SWAPPED: Mapping[str, _Comparison] = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_HOLDS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_MAX_FORMULA = 400


def formula(rule: Rule, facts: Facts, options: Options, parts: Parts) -> str:
    """The rule's condition with the numbers of the subject put in: "0.41 > 0.25 and 4096 >= 2048"."""
    filled = _Filled(facts, options, parts).visit(ast.parse(rule.when.text, mode="eval").body)
    text = ast.unparse(filled)
    return text if len(text) <= _MAX_FORMULA else f"{text[: _MAX_FORMULA - 1]}…"


def limits(rule: Rule, facts: Facts, options: Options, parts: Parts) -> tuple[Limit, ...]:
    """What the metrics of the condition were held against: every comparison of numbers that held."""
    wanted = {each.name: each.want for each in rule.evidence}
    kept: dict[tuple[str, str], Limit] = {}
    for left, comparison, right in _comparisons(rule.when.tree, is_negated=False):
        try:
            found_value = compiled(left)(facts, options, parts)
            value = compiled(right)(facts, options, parts)
        except Missing:
            continue
        metric = ast.unparse(left)
        # mechanism == "dot_product" says where the rule looks, not what is wrong there
        is_number = isinstance(found_value, int | float) and not isinstance(found_value, bool)
        if (is_number or metric in rule.metrics) and _HOLDS[comparison](found_value, value):
            kept[metric, comparison] = Limit(
                metric=metric,
                comparison=comparison,
                limit=value,
                option=_option(right),
                want=wanted.get(metric, ""),
            )
    return tuple(kept.values())


class _Filled(ast.NodeTransformer):
    """Puts a number for every name and for every fold over the parts."""

    def __init__(self, facts: Facts, options: Options, parts: Parts) -> None:
        self.given = (facts, options, parts)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._value(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if is_over_parts(node):
            return self._value(node)
        if isinstance(node.func, ast.Name) and node.func.id == "known":
            return self._value(node)
        node.args = [self.visit(each) for each in node.args]
        return node

    def _value(self, node: ast.expr) -> ast.expr:
        try:
            value = compiled(node)(*self.given)
        except Missing:
            return ast.Name("unknown")
        if isinstance(value, float):
            return ast.Name(f"{value:.4g}")
        return ast.Constant(value)


def _comparisons(node: ast.expr, *, is_negated: bool) -> Iterator[tuple[ast.expr, _Comparison, ast.expr]]:
    """(what, comparison, limit) of every comparison, with the names on the left."""
    match node:
        case ast.BoolOp(values=nodes):
            for each in nodes:
                yield from _comparisons(each, is_negated=is_negated)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield from _comparisons(operand, is_negated=not is_negated)
        case ast.Compare():
            yield from _of_chain(node, is_negated)


def _of_chain(node: ast.Compare, is_negated: bool) -> Iterator[tuple[ast.expr, _Comparison, ast.expr]]:
    left = node.left
    for comparison, right in zip(node.ops, node.comparators, strict=True):
        sign = _SIGNS.get(type(comparison))
        if sign is not None:
            sign = _OPPOSITE[sign] if is_negated else sign
            if _is_limit(left) and not _is_limit(right):
                yield right, _SWAPPED[sign], left
            elif not _is_limit(left):
                yield left, sign, right
        left = right


def _is_limit(node: ast.expr) -> bool:
    """Whether a side is made of numbers and options alone."""
    names = [each.id for each in ast.walk(node) if isinstance(each, ast.Name)]
    return all(name.startswith(OPTION) for name in names)


def _option(node: ast.expr) -> str:
    names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and each.id.startswith(OPTION)}
    return names.pop().removeprefix(OPTION) if len(names) == 1 else ""
