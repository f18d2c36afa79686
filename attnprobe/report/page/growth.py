"""Cost against length: one chart per metric that has curves, both axes logarithmic, with its numbers."""

from __future__ import annotations

from functools import partial

from attnprobe.records import Scan
from attnprobe.report.page.axes import LogAxis, ticks
from attnprobe.report.page.charts import (
    BOTTOM,
    LEFT,
    RIGHT,
    SERIES_DRAWN,
    TOP,
    Chart,
    Tick,
    left_out,
    lines,
    numbers,
    tick_marks,
)
from attnprobe.report.page.elements import Column
from attnprobe.report.page.series import Series, series
from attnprobe.report.parts.catalogue import Text, say
from attnprobe.report.parts.names import metric_title, shown, unit_of
from attnprobe.report.parts.order import metric_place
from attnprobe.report.parts.quantities import count
from attnprobe.report.parts.readings import is_health


def charts(scan: Scan) -> tuple[Chart, ...]:
    """All charts of cost that can be drawn."""
    metrics = {curve.metric for curve in scan.curves if not is_health(scan, curve.metric)}
    order = sorted(metrics, key=metric_place)
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
    title, text = metric_title(scan, metric), partial(shown, scan, metric)
    return Chart(
        anchor=anchor,
        title=title,
        summary=summary(scan, metric, drawn),
        x_title=say("chart.x_axis"),
        lines=lines(drawn, x, y, text),
        x_ticks=tick_marks(x, ticks(lengths[0], lengths[-1], 2), count),
        y_ticks=tick_marks(y, ticks(min(values), max(values), base), text),
        marker=marker(scan, x),
        table=numbers(title, Column(say("column.length"), "number"), known, text),
        note=left_out(known),
    )


def summary(scan: Scan, metric: str, drawn: tuple[Series, ...]) -> Text:
    """The first curve in words: its value at the shortest and at the longest length."""
    first = drawn[0]
    return say(
        "chart.summary",
        what=first.label,
        low=shown(scan, metric, first.values[0]),
        high=shown(scan, metric, first.values[-1]),
        short=count(first.lengths[0]),
        long=count(first.lengths[-1]),
    )


def marker(scan: Scan, x: LogAxis) -> Tick | None:
    """Where the length of this scan lies; None where that is off the chart."""
    length = scan.workload.seq_len
    if not length or not x.low <= length <= x.high:
        return None
    return Tick(f"{x.at(length):.1f}", count(length))
