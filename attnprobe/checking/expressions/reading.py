"""The text of an expression becomes a syntax tree in which every node is one that we allow."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from attnprobe.checking.expressions.faults import ExpressionFault
from attnprobe.checking.expressions.vocabulary import OPTION, Kind, Name, Vocabulary
from attnprobe.registry import nearest

MAX_CHARACTERS = 2000
MAX_NODES = 300
MAX_DEPTH = 24
_LARGEST = 1e30  # of a number that is written out

_ORDERS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_SAMENESS = (ast.Eq, ast.NotEq)
_MEMBERSHIP = (ast.In, ast.NotIn)
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div)
FOLDS = ("largest", "smallest", "median")  # of a number, over the parts of the subject
FUNCTIONS = ("abs", "known", "max", "min", "share", *FOLDS)
_ALLOWED = "Allowed: names, numbers, texts, True, False, and, or, not, comparisons, in (…), + - * /, "
HINT = f"{_ALLOWED}{', '.join(FUNCTIONS)}."


@dataclass(frozen=True, slots=True)
class Parsed:
    """A checked tree, and what is in it."""

    tree: ast.expr
    names: tuple[str, ...]  # options with their "opt_"; in order of appearance
    is_over_parts: bool


def parsed(text: str, vocabulary: Vocabulary, kind: Kind) -> Parsed:
    """The checked tree of a text.

    Args:
        kind: Of the whole: "bool" for a condition, "number" for a value.

    Raises:
        ExpressionFault: Not an expression, a node or name that is not allowed, or kinds that do not fit.
    """
    tree = _tree(text)
    check = _Check(vocabulary)
    found = check.kind_of(tree, 0, False)
    if found != kind:
        raise ExpressionFault(f"this is a {found}; expected a {kind}", _offset(tree))
    names = tuple(dict.fromkeys(name for _, name in sorted(check.names)))
    return Parsed(tree, names, check.is_over_parts)


def _tree(text: str) -> ast.expr:
    if len(text) > MAX_CHARACTERS:
        raise ExpressionFault(f"{len(text)} characters; at most {MAX_CHARACTERS} are allowed")
    for position, character in enumerate(text):
        # Python folds other alphabets into Latin: what is read would not be what is written.
        if not " " <= character <= "~" and character not in "\n\t":
            raise ExpressionFault(f"the character {character!a} is not plain ASCII", position)
    indent = len(text) - len(text.lstrip())
    flat = " ".join(text.lstrip().splitlines())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tree = ast.parse(flat, mode="eval").body
    except SyntaxError as error:
        raise ExpressionFault(f"not an expression: {error.msg}", indent + (error.offset or 1) - 1) from None
    except (MemoryError, RecursionError, ValueError, SyntaxWarning, DeprecationWarning):
        raise ExpressionFault("not an expression: nested too deeply, or a number too long") from None
    if indent:
        for node in ast.walk(tree):
            if isinstance(node, ast.expr):
                node.col_offset += indent
    return tree


class _Check:
    """Walks the tree once: refuses what is not allowed, and finds the kind of every node."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.nodes = 0
        self.names: set[tuple[int, str]] = set()  # (offset, name)
        self.is_over_parts = False

    def kind_of(self, node: ast.expr, depth: int, in_parts: bool) -> Kind:
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise ExpressionFault(
                f"too large: more than {MAX_NODES} nodes or {MAX_DEPTH} levels", _offset(node)
            )
        match node:
            case ast.Constant():
                return _constant(node)
            case ast.Name():
                return self._name(node, in_parts).kind
            case ast.BoolOp():
                return self._all(node.values, "bool", depth, in_parts)
            case ast.UnaryOp(op=ast.Not()):
                return self._all([node.operand], "bool", depth, in_parts)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
                return self._all([node.operand], "number", depth, in_parts)
            case ast.BinOp() if isinstance(node.op, _ARITHMETIC):
                return self._all([node.left, node.right], "number", depth, in_parts)
            case ast.Compare():
                return self._comparison(node, depth, in_parts)
            case ast.Call():
                return self._call(node, depth, in_parts)
        what = type(node.op).__name__ if isinstance(node, ast.BinOp | ast.UnaryOp) else type(node).__name__
        raise ExpressionFault(f"{what} is not allowed here. {HINT}", _offset(node))

    def _all(self, nodes: Sequence[ast.expr], kind: Kind, depth: int, in_parts: bool) -> Kind:
        for node in nodes:
            found = self.kind_of(node, depth + 1, in_parts)
            if found != kind:
                raise ExpressionFault(f"'{ast.unparse(node)}' is a {found}; expected a {kind}", _offset(node))
        return kind

    def _name(self, node: ast.Name, in_parts: bool) -> Name:
        self.names.add((node.col_offset, node.id))
        if node.id.startswith(OPTION):
            return self._option(node)
        known = self.vocabulary.within(in_parts)
        if node.id in known:
            return known[node.id]
        if not in_parts and node.id in (self.vocabulary.parts or {}):
            raise ExpressionFault(
                f"'{node.id}' is a number of the parts; ask share(), largest(), smallest() or median() of it",
                _offset(node),
            )
        if node.id in FUNCTIONS:
            raise ExpressionFault(f"'{node.id}' is a function: write {node.id}(…)", _offset(node))
        raise ExpressionFault(f"no name '{node.id}'{nearest(node.id, known)}", _offset(node))

    def _option(self, node: ast.Name) -> Name:
        options = self.vocabulary.options or {}
        kind = options.get(node.id.removeprefix(OPTION))
        if kind is None:
            known = tuple(OPTION + each for each in options)
            raise ExpressionFault(
                f"the rule has no option '{node.id.removeprefix(OPTION)}'{nearest(node.id, known)}",
                _offset(node),
            )
        return Name(kind)

    def _comparison(self, node: ast.Compare, depth: int, in_parts: bool) -> Kind:
        left = node.left
        for operator, right in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, _ORDERS):
                self._all([left, right], "number", depth, in_parts)
            elif isinstance(operator, _SAMENESS):
                self._all([right], self.kind_of(left, depth + 1, in_parts), depth, in_parts)
                self._check_label(left, right, in_parts)
                self._check_label(right, left, in_parts)
            elif isinstance(operator, _MEMBERSHIP):
                self._membership(left, right, depth, in_parts)
            else:
                raise ExpressionFault("'is' is not allowed; write known(x) or ==", _offset(node))
            left = right
        return "bool"

    def _membership(self, left: ast.expr, right: ast.expr, depth: int, in_parts: bool) -> None:
        if not isinstance(right, ast.Tuple) or not right.elts:
            raise ExpressionFault('expected ("a", "b") after `in`', _offset(right))
        kind = self.kind_of(left, depth + 1, in_parts)
        for each in right.elts:
            if not isinstance(each, ast.Constant):
                raise ExpressionFault("expected texts or numbers after `in`", _offset(each))
        self._all(right.elts, kind, depth + 1, in_parts)
        for each in right.elts:
            self._check_label(left, each, in_parts)

    def _check_label(self, node: ast.expr, other: ast.expr, in_parts: bool) -> None:
        """A text that an enumeration can never be is a slip of the pen."""
        if not isinstance(node, ast.Name) or not isinstance(other, ast.Constant):
            return
        labels = self._name(node, in_parts).labels
        if labels and other.value not in labels:
            raise ExpressionFault(
                f"{node.id} is never {other.value!r}{nearest(str(other.value), labels)} "
                f"It is one of: {', '.join(labels)}",
                _offset(other),
            )

    def _call(self, node: ast.Call, depth: int, in_parts: bool) -> Kind:
        function = node.func.id if isinstance(node.func, ast.Name) else ""
        if function not in FUNCTIONS:
            shown = function or ast.unparse(node.func)[:40]
            raise ExpressionFault(f"no function '{shown}'{nearest(shown, FUNCTIONS)}", _offset(node))
        if node.keywords:
            raise ExpressionFault(f"{function}() takes no keywords", _offset(node))
        count = len(node.args)
        if (count < 2 or count > 8) if function in ("min", "max") else count != 1:
            wanted = "2 to 8 values" if function in ("min", "max") else "one"
            raise ExpressionFault(f"{function}() got {count}; expected {wanted}", _offset(node))
        if function == "known":
            return self._known(node.args[0], in_parts)
        if function == "share" or function in FOLDS:
            return self._over_parts(node, function, depth, in_parts)
        return self._all(node.args, "number", depth, in_parts)

    def _known(self, node: ast.expr, in_parts: bool) -> Kind:
        if not isinstance(node, ast.Name):
            raise ExpressionFault("known() takes a name", _offset(node))
        self._name(node, in_parts)
        return "bool"

    def _over_parts(self, node: ast.Call, function: str, depth: int, in_parts: bool) -> Kind:
        if self.vocabulary.parts is None or in_parts:
            where = "within another one" if in_parts else "at this level: the subject has no parts"
            raise ExpressionFault(f"{function}() is not possible {where}", _offset(node))
        self.is_over_parts = True
        self._all(node.args, "bool" if function == "share" else "number", depth, True)
        return "number"


def _constant(node: ast.Constant) -> Kind:
    value = node.value
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "text"
    if isinstance(value, int | float):
        if not abs(value) <= _LARGEST:  # nor infinite
            raise ExpressionFault("a number beyond 1e30", _offset(node))
        return "number"
    raise ExpressionFault(f"{value!r} is not allowed here. {HINT}", _offset(node))


def _offset(node: ast.expr) -> int:
    return node.col_offset
