"""A YAML document as a tree in which everything knows where it stands.

Nodes are not frozen: there are ten thousand of them, and a frozen one takes three times as long to make.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Place(NamedTuple):
    """Where something begins in a file; both from 1."""

    line: int
    column: int


@dataclass(slots=True)
class Scalar:
    """One value."""

    value: str | int | float | bool | None
    place: Place
    start: int  # offset of its first character in the text of the file, a quote included
    end: int


@dataclass(slots=True)
class Sequence:
    """A list."""

    items: list[Node]
    place: Place


@dataclass(slots=True)
class Mapping:
    """Keys and values, and where each key stands."""

    place: Place
    values: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, Place] = field(default_factory=dict)


Node = Scalar | Sequence | Mapping


def plain(node: Node) -> Any:
    """The tree as dicts, lists and values."""
    if isinstance(node, Mapping):
        return {key: plain(value) for key, value in node.values.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return node.value


def find(root: Node, path: tuple[str | int, ...]) -> Node:
    """The node at a path, or the last one on the way to it that exists."""
    node = root
    for step in path:
        if isinstance(node, Mapping) and step in node.values:
            node = node.values[str(step)]
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
    return node


def key_place(root: Node, path: tuple[str | int, ...]) -> Place:
    """Where the last key of a path stands; where its parent begins when there is no such key."""
    parent = find(root, path[:-1])
    if path and isinstance(parent, Mapping):
        return parent.keys.get(str(path[-1]), parent.place)
    return find(root, path).place
