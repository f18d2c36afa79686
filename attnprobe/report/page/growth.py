"""Cost against length: one chart per metric that has curves, both axes logarithmic, with its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count as count_from

from attnprobe.records import Scan
from attnprobe.report.page.axes import LogAxis, apart, ticks
from attnprobe.report.page.elements import Column, Table
from attnprobe.report.page.series import Series, series
from attnprobe.report.parts.catalogue import Text, Words, say
from attnprobe.report.parts.names import metric_title, shown, unit_of
from attnprobe.report.parts.order import metric_place
from attnprobe.report.parts.quantities import count

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 62, 470, 16, 262  # the plot; labels of the lines stand to its right
SERIES_DRAWN = 5
LINE = 16  # between two labels


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
    summary: Text
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    marker: Tick | None  # the length of this scan
    table: Table
    note: Words


def charts(scan: Scan) -> tuple[Chart, ...]:
    """All charts that can be drawn."""
    order = sorted({curve.metric for curve in scan.curves}, key=metric_place)
    drawn = (_chart(scan, metric, f"c{number}") for number, metric in enumerate(order, start=1))
    return tuple(chart for chart in drawn if chart)


def _chart(scan: Scan, metric: str, anchor: str) -> Chart | None:
    known = series(scan, metric)
    if not known:
        return None
    drawn = known[:SERIES_DRAWN]
    lengths = sorted({length for each in drawn for length in each.lengths})
    values = [value for each in drawn for value in each.values]
    base = 2 if unit_of(scan, metric) == "byte" else 10
    x = LogAxis(lengths[0], lengths[-1], LEFT, RIGHT)
    y = LogAxis(min(values), max(values), BOTTOM, TOP)
    return Chart(
        anchor=anchor,
        title=metric_title(scan, metric),
        summary=_summary(scan, metric, drawn),
        lines=_lines(scan, metric, drawn, x, y),
        x_ticks=tuple(
            Tick(f"{x.at(value):.1f}", count(value)) for value in ticks(lengths[0], lengths[-1], 2)
        ),
        y_ticks=tuple(
            Tick(f"{y.at(v):.1f}", shown(scan, metric, v)) for v in ticks(min(values), max(values), base)
        ),
        marker=_marker(scan, x),
        table=_table(scan, metric, known),
        note=say("note.series_left_out", count=len(known) - len(drawn)) if len(known) > len(drawn) else "",
    )


def _lines(scan: Scan, metric: str, drawn: tuple[Series, ...], x: LogAxis, y: LogAxis) -> tuple[Line, ...]:
    places = apart([y.at(each.values[-1]) for each in drawn], LINE, BOTTOM)
    others = count_from(1)
    lines = []
    for each, place in zip(drawn, places, strict=True):
        points = tuple(
            (f"{x.at(a):.1f}", f"{y.at(b):.1f}") for a, b in zip(each.lengths, each.values, strict=True)
        )
        line = Line(
            letter=each.letter,
            label=each.label,
            end=shown(scan, metric, each.values[-1]),
            name=f"s{next(others)}" if each.letter else "s0",
            path="M" + "L".join(f"{a},{b}" for a, b in points),
            points=points,
            label_y=f"{place + 4:.1f}",
        )
        lines.append(line)
    return tuple(lines)


def _summary(scan: Scan, metric: str, drawn: tuple[Series, ...]) -> Text:
    first = drawn[0]
    return say(
        "chart.summary",
        what=first.label,
        low=shown(scan, metric, first.values[0]),
        high=shown(scan, metric, first.values[-1]),
        short=count(first.lengths[0]),
        long=count(first.lengths[-1]),
    )


def _marker(scan: Scan, x: LogAxis) -> Tick | None:
    length = scan.workload.seq_len
    if not length or not x.low <= length <= x.high:
        return None
    return Tick(f"{x.at(length):.1f}", count(length))


def _table(scan: Scan, metric: str, known: tuple[Series, ...]) -> Table:
    lengths = sorted({length for each in known for length in each.lengths})
    by_length = [dict(zip(each.lengths, each.values, strict=True)) for each in known[:12]]
    rows = tuple(
        (count(length), *(shown(scan, metric, values.get(length)) for values in by_length))
        for length in lengths
    )
    columns = (
        Column(say("column.length"), "number"),
        *(Column(each.label, "number") for each in known[:12]),
    )
    return Table(caption=metric_title(scan, metric), columns=columns, rows=rows)
