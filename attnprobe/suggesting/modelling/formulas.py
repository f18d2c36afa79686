"""Formulas of replacements: arithmetic over named facts, worked out, and shown with the numbers put in."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from attnprobe.errors import InternalError
from attnprobe.records import Number

Fact = Number | str | bool | None
Facts = Mapping[str, Fact]

_BINARY: Mapping[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


class Unknown(Exception):  # noqa: N818  (no error: a fact is not known)
    """A fact that the formula needs is not known."""


def largest_divisor(number: Number, most: Number) -> int:
    """The largest divisor of a whole number that is not above `most`; 1 if there is none."""
    return max((d for d in range(1, int(number) + 1) if number % d == 0 and d <= most), default=1)


_FUNCTIONS: Mapping[str, Callable[..., Number]] = {
    "min": min,
    "max": max,
    "ceil": math.ceil,
    "divisor": largest_divisor,
}


@lru_cache(maxsize=1024)
def parsed(text: str) -> ast.expr:
    """A formula as a syntax tree; only arithmetic, comparisons, `and or not`, `x if c else y`, known calls.

    Raises:
        InternalError: It is no formula.
    """
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise InternalError(f"'{text}' is no formula: {error.msg}") from error
    for node in ast.walk(tree):
        if not isinstance(node, _ALLOWED) or (isinstance(node, ast.Call) and _called(node) not in _FUNCTIONS):
            raise InternalError(f"'{text}' is no formula: {ast.unparse(node) or type(node).__name__}")
    return tree


_ALLOWED = (
    *(ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Call, ast.Name, ast.Constant, ast.Load),
    *(*_BINARY, *_COMPARISONS, ast.Not, ast.USub, ast.And, ast.Or),
)


def names(text: str) -> frozenset[str]:
    """The facts that a formula reads."""
    found = {node.id for node in ast.walk(parsed(text)) if isinstance(node, ast.Name)}
    return frozenset(found - _FUNCTIONS.keys())


def value(text: str, facts: Facts) -> Fact:
    """What a formula comes to.

    Raises:
        Unknown: A fact that it needs is absent or None.
    """
    return _value(parsed(text), facts)


def number(text: str, facts: Facts) -> Number:
    """The number that a formula comes to; a whole one as an int.

    Raises:
        Unknown: A fact is absent, the result is no number, or it divides by zero.
    """
    try:
        found = value(text, facts)
    except ZeroDivisionError as error:
        raise Unknown(text) from error
    if isinstance(found, str) or found is None or not math.isfinite(found):
        raise Unknown(text)
    return int(found) if float(found).is_integer() else float(found)


def put_in(text: str, facts: Facts) -> str:
    """The formula with numbers for its names: "4 · 2 · 8 · min(256, 4096)"."""
    tree = parsed(text)
    shown = ast.unparse(_PutIn(facts).visit(ast.parse(ast.unparse(tree), mode="eval").body))
    return shown.replace(" * ", " · ")


class _PutIn(ast.NodeTransformer):
    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        """Only the branch that holds."""
        chosen = node.body if _value(node.test, self._facts) else node.orelse
        result: ast.AST = self.visit(chosen)
        return result

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """A number in place of the name."""
        return ast.Constant(self._facts[node.id]) if node.id in self._facts else node


def _value(node: ast.expr, facts: Facts) -> Fact:
    match node:
        case ast.Constant(value=constant):
            return constant  # type: ignore[return-value]
        case ast.Name(id=name):
            if facts.get(name) is None:
                raise Unknown(name)
            return facts[name]
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](_number(left, facts), _number(right, facts))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _value(operand, facts)
        case ast.UnaryOp(operand=operand):
            return -_number(operand, facts)
        case ast.BoolOp(op=op, values=values):
            found = (bool(_value(each, facts)) for each in values)
            return all(found) if isinstance(op, ast.And) else any(found)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _value(body if _value(test, facts) else orelse, facts)
        case ast.Call(args=args):
            return _FUNCTIONS[_called(node)](*(_number(each, facts) for each in args))
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            sides = [_value(each, facts) for each in (left, *comparators)]
            return all(
                _COMPARISONS[type(op)](one, other)
                for op, one, other in zip(ops, sides[:-1], sides[1:], strict=True)
            )
    raise InternalError(f"'{ast.unparse(node)}' cannot be worked out")


def _number(node: ast.expr, facts: Facts) -> Number:
    found = _value(node, facts)
    if isinstance(found, str) or found is None:
        raise Unknown(ast.unparse(node))
    return found


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""
