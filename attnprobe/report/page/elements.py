"""What the templates know how to draw. Every number in it is already a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from attnprobe.report.parts.catalogue import Text, Words, say
from attnprobe.report.parts.quantities import count, percent

# Fills that differ by pattern, not by colour alone; `templates/macros.html` draws one for each name.
Fill = Literal["solid", "tint", "weave", "grain", "hatch", "dots", "cross", "pale"]


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a whole, before it is drawn; `inner` slices are drawn in its place."""

    label: Words
    value: str  # "412 GF"
    share: float  # of the bar's width
    fill: Fill
    inner: tuple[Slice, ...] = ()


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a bar."""

    x: str  # "0%": where it starts, of the bar's width
    width: str
    fill: Fill


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a bar's legend says of one slice."""

    label: Words
    value: str
    share: str
    fill: Fill
    inner: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One stacked bar with its total and its legend."""

    title: Words
    total: str
    segments: tuple[Segment, ...]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    title: Words
    kind: Literal["text", "tag", "number", "mixed", "code", "prose"] = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table; `note` says what was left out."""

    caption: Words
    columns: tuple[Column, ...]
    rows: tuple[tuple[Words, ...], ...]
    note: Words = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and what it is: a line of a fact sheet, a key figure."""

    label: Words
    value: Words
    note: Words = ""
    is_code: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the page: its anchor, its heading, the template that places `content`."""

    anchor: str
    title: Text
    lead: Words
    template: str  # "": there is nothing to place, and `lead` says why
    content: Any
    parts: tuple[tuple[str, Text], ...] = ()  # anchors and titles inside it, for the contents


def stacked(title: Words, total: str, slices: Sequence[Slice], *, has_legend: bool = True) -> Bar:
    """A bar whose slices follow one another."""
    segments, start = [], 0.0
    for leaf in (leaf for each in slices for leaf in each.inner or (each,)):
        width = min(max(leaf.share, 0.0), 1.0 - start)
        segments.append(Segment(f"{start * 100:.2f}%", f"{width * 100:.2f}%", leaf.fill))
        start += width
    parts = tuple(_part(each) for each in slices) if has_legend else ()
    return Bar(title=title, total=total, segments=tuple(segments), parts=parts)


def _part(each: Slice) -> Part:
    return Part(
        label=each.label,
        value=each.value,
        share=percent(each.share),
        fill=each.fill,
        inner=tuple(_part(inner) for inner in each.inner),
    )


def rows_left_out(shown: int, known: int) -> Words:
    """The note under a table that does not show all its rows; "" when it does."""
    return say("note.rows_left_out", shown=count(shown), all=count(known)) if known > shown else ""
