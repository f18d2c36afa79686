"""A line chart: its axes, its lines with their labels, and the numbers that it shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count as count_from

from attnprobe.records import Number
from attnprobe.report.page.axes import Axis, apart
from attnprobe.report.page.elements import Column, Table
from attnprobe.report.page.series import Series
from attnprobe.report.parts.catalogue import Text, Words, say
from attnprobe.report.parts.quantities import count

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 62, 470, 16, 262  # the plot; labels of the lines stand to its right
SERIES_DRAWN = 5
SERIES_LISTED = 12
LINE = 16  # between two labels

Shown = Callable[[Number | None], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One curve of a chart."""

    letter: str  # at the end of the line; "" for the whole model
    label: Words
    end: str  # the last value
    name: str  # class: "s0" for the whole model, "s1" … for the others
    path: str
    points: tuple[tuple[str, str], ...]
    label_y: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A tick with its text; `place` is x or y."""

    place: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One chart."""

    anchor: str
    title: Words
    summary: Words
    x_title: Text
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    marker: Tick | None  # the length of this scan
    table: Table
    note: Words
    is_of_metrics: bool = False  # its curves are named after metrics, not after sites


def lines(drawn: Sequence[Series], x: Axis, y: Axis, shown: Shown) -> tuple[Line, ...]:
    """The curves on their axes, their labels moved apart."""
    places = apart([y.at(each.values[-1]) for each in drawn], LINE, BOTTOM)
    others = count_from(1)
    made = []
    for each, place in zip(drawn, places, strict=True):
        points = tuple(
            (f"{x.at(a):.1f}", f"{y.at(b):.1f}") for a, b in zip(each.lengths, each.values, strict=True)
        )
        line = Line(
            letter=each.letter,
            label=each.label,
            end=shown(each.values[-1]),
            name=f"s{next(others)}" if each.letter else "s0",
            path="M" + "L".join(f"{a},{b}" for a, b in points),
            points=points,
            label_y=f"{place + 4:.1f}",
        )
        made.append(line)
    return tuple(made)


def tick_marks(axis: Axis, values: Sequence[float], shown: Shown) -> tuple[Tick, ...]:
    """Ticks at these values."""
    return tuple(Tick(f"{axis.at(value):.1f}", shown(value)) for value in values)


def numbers(title: Words, first: Column, known: Sequence[Series], shown: Shown) -> Table:
    """The values of the curves: a row for each place on the x axis."""
    places = sorted({place for each in known for place in each.lengths})
    by_place = [dict(zip(each.lengths, each.values, strict=True)) for each in known[:SERIES_LISTED]]
    rows = tuple((count(place), *(shown(values.get(place)) for values in by_place)) for place in places)
    columns = (first, *(Column(each.label, "number") for each in known[:SERIES_LISTED]))
    return Table(caption=title, columns=columns, rows=rows)


def left_out(known: Sequence[Series]) -> Words:
    """How many curves are not drawn; "" when all are."""
    more = len(known) - SERIES_DRAWN
    return say("note.series_left_out", count=more) if more > 0 else ""
