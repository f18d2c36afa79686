"""A rule file becomes a tree with positions.

Only the events of PyYAML's parser are used: it builds no objects. Whatever makes YAML surprising or dangerous
(anchors, tags, duplicate keys, several documents, depth, size) is refused with its line and column.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from attnprobe.checking.packs.nodes import Mapping, Node, Place, Scalar, Sequence
from attnprobe.checking.packs.scalars import plain_value
from attnprobe.errors import RuleError

MAX_BYTES = 64 * 1024
MAX_DEPTH = 12
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's parser is ten times as fast


def read_yaml(path: Path, shown: str) -> tuple[Node, str]:
    """The tree of a file, and its text.

    Args:
        shown: How the file is named in an error.

    Raises:
        RuleError: It cannot be read, is too large, no UTF-8, or holds something that is refused.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise RuleError(f"{shown} cannot be read: {error.strerror or error}") from None
    if len(raw) > MAX_BYTES:
        raise RuleError(f"{shown} is larger than {MAX_BYTES // 1024} KB", hint="A rule takes a page or two.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise RuleError(f"{shown}:{line}: not UTF-8", location=f"{shown}:{line}") from None
    return parse_yaml(text, shown), text


def parse_yaml(text: str, shown: str) -> Node:
    """The tree of a text.

    Raises:
        RuleError: As in `read_yaml`.
    """
    if "\0" in text:
        raise fault(shown, Place(text[: text.index("\0")].count("\n") + 1, 1), "a NUL character")
    try:
        return _Tree(shown, _LOADER(text).get_event).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        raise fault(shown, place, f"not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise RuleError(f"{shown}: not YAML: {' '.join(str(error).split())[:200]}") from None


def fault(shown: str, place: Place, what: str, hint: str = "") -> RuleError:
    """An error about one place of a file."""
    return RuleError(
        f"{shown}:{place.line}:{place.column}: {what}", hint=hint, location=f"{shown}:{place.line}"
    )


class _Tree:
    """Builds the tree from the events, and refuses as soon as something is wrong."""

    def __init__(self, shown: str, next_event: Callable[[], Any]) -> None:
        self.shown = shown
        self.next_event = next_event

    def document(self) -> Node:
        self.next_event()  # the stream
        event = self.next_event()
        if isinstance(event, yaml.StreamEndEvent):
            raise RuleError(
                f"{self.shown} is empty", hint="`attnprobe rules new` writes a rule to begin with."
            )
        if event.version or event.tags:
            raise self._refused(event, "a YAML directive")
        root = self._node(self.next_event(), 1)
        self.next_event()  # the document's end
        following = self.next_event()
        if not isinstance(following, yaml.StreamEndEvent):
            raise self._refused(following, "a second document")
        return root

    def _node(self, event: Any, depth: int) -> Node:
        kind = type(event)
        if kind is yaml.AliasEvent:
            raise self._refused(event, f"the alias *{str(event.anchor)[:40]}")
        if event.anchor is not None:
            raise self._refused(event, f"the anchor &{event.anchor[:40]}")
        if event.tag is not None:
            raise self._refused(event, f"the tag {event.tag[:60]}")
        if depth > MAX_DEPTH:
            raise self._refused(event, f"nesting deeper than {MAX_DEPTH}")
        if kind is yaml.ScalarEvent:
            return _scalar(event)
        if kind is yaml.SequenceStartEvent:
            return self._sequence(event, depth)
        return self._mapping(event, depth)

    def _sequence(self, start: Any, depth: int) -> Sequence:
        result = Sequence([], _place(start))
        while type(event := self.next_event()) is not yaml.SequenceEndEvent:
            result.items.append(self._node(event, depth + 1))
        return result

    def _mapping(self, start: Any, depth: int) -> Mapping:
        result = Mapping(_place(start))
        while type(event := self.next_event()) is not yaml.MappingEndEvent:
            node = self._node(event, depth + 1)
            if not isinstance(node, Scalar) or not event.value:
                raise self._refused(event, "a key that is not a word")
            key = event.value  # as written: a key is never a number or a boolean
            if key in result.values:
                first = result.keys[key]
                raise self._refused(event, f"the key '{key[:60]}' a second time (first in line {first.line})")
            result.keys[key] = node.place
            result.values[key] = self._node(self.next_event(), depth + 1)
        return result

    def _refused(self, event: Any, what: str) -> RuleError:
        return fault(self.shown, _place(event), f"{what} is not allowed", "A rule is plain data.")


def _scalar(event: Any) -> Scalar:
    value = event.value if event.style else plain_value(event.value)  # no style: a plain word
    start = event.start_mark
    return Scalar(value, Place(start.line + 1, start.column + 1), start.index, event.end_mark.index)


def _place(event: Any) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)
