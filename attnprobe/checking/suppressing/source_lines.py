"""The comments of a Python file, and which lines each of them speaks for."""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MAX_BYTES = 2**20

_NOT_CODE = (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT)


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment that speaks to us."""

    line: int
    text: str
    covers: tuple[int, int]  # first and last line


def read_source(name: str, root: Path) -> tuple[Comment, ...]:
    """The comments of a file that name attnprobe. () for what is not in the folder, or cannot be read.

    Args:
        name: Relative to `root`. Comes from a saved scan, so it is not trusted.
        root: The folder.
    """
    text = _text(name, root)
    if text is None or "attnprobe" not in text:
        return ()
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the user's file, not of ours
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError):
        return ()
    code = sorted(
        {token.start[0] for token in tokens if token.type not in _NOT_CODE and token.string.strip()}
    )
    spans = tuple(_spans(tree, code))
    return tuple(
        Comment(token.start[0], token.string, _covered(token, spans, code))
        for token in tokens
        if token.type == tokenize.COMMENT and "attnprobe" in token.string
    )


def _text(name: str, root: Path) -> str | None:
    path = PurePosixPath(name.replace("\\", "/"))
    if not name or "\0" in name or path.is_absolute() or path.suffix != ".py":
        return None
    try:
        file = (root / path).resolve()
        if not file.is_relative_to(root.resolve()) or not file.is_file():
            return None
        if file.stat().st_size > MAX_BYTES:
            return None
        return file.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except (OSError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class _Span:
    """Lines on which a comment may stand, and those for which it then speaks."""

    start: int
    stop: int
    first: int
    last: int


def _covered(token: tokenize.TokenInfo, spans: tuple[_Span, ...], code: list[int]) -> tuple[int, int]:
    line = token.start[0]
    own = _smallest(line, spans)
    is_alone = not token.line[: token.start[1]].strip()
    if is_alone and own is None:
        line = next((each for each in code if each > line), line)
        own = _smallest(line, spans)
    return (own.first, own.last) if own else (line, line)


def _smallest(line: int, spans: tuple[_Span, ...]) -> _Span | None:
    return min(
        (span for span in spans if span.start <= line <= span.stop),
        key=lambda span: (span.stop - span.start, span.last - span.first),
        default=None,
    )


def _spans(tree: ast.Module, code: list[int]) -> Iterator[_Span]:
    """Of a simple statement, all of its lines; of a compound one, those of its head.

    The head of a `def` or `class`, decorators included, speaks for the whole of it.
    """
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt):
            continue
        first, last = _first_line(node), node.end_lineno or node.lineno
        body = getattr(node, "body", None)
        if not isinstance(body, list) or not body:
            yield _Span(first, last, first, last)
            continue
        before = bisect_left(code, _first_line(body[0]))
        head_end = max(node.lineno, code[before - 1] if before else node.lineno)
        is_definition = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        yield _Span(first, head_end, first, last if is_definition else head_end)


def _first_line(node: ast.stmt) -> int:
    """Of a definition, that of its first decorator."""
    return min((each.lineno for each in getattr(node, "decorator_list", ())), default=node.lineno)
