"""Health as lines: over the depth of the model, and against length."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from math import ceil

from attnprobe.records import AttentionSite, Scan, Topic
from attnprobe.report.page.axes import Axis, LinearAxis, LogAxis, even_ticks, ticks
from attnprobe.report.page.charts import (
    BOTTOM,
    LEFT,
    RIGHT,
    SERIES_DRAWN,
    TOP,
    Chart,
    Shown,
    left_out,
    lines,
    numbers,
    tick_marks,
)
from attnprobe.report.page.elements import Column
from attnprobe.report.page.growth import marker, summary
from attnprobe.report.page.health.scale import WIDE, scale_of
from attnprobe.report.page.series import Series, series
from attnprobe.report.parts import describe as of
from attnprobe.report.parts.catalogue import say
from attnprobe.report.parts.names import metric_title, shown
from attnprobe.report.parts.quantities import count
from attnprobe.report.parts.readings import middle, topic_metrics

POINTS_DRAWN = 64  # of a line over depth; beyond, each is the median of neighbouring sites
SITES_NEEDED = 3  # for a line over depth
STACKS_DRAWN = 3
GROWTH = 8  # a wider range over depth is drawn logarithmically: gradients grow and shrink by factors
ROLES_NEEDED = 3  # for a chart of query, key, value and output
_ROLES = {"query": "Q", "key": "K", "value": "V", "output": "O"}
_ROLES |= {"q proj": "Q", "k proj": "K", "v proj": "V", "o proj": "O"}
_ROLE = re.compile(rf"(?<![a-z])({'|'.join(_ROLES)})(?![a-z])")


def depth_charts(scan: Scan, topic: Topic, start: int) -> tuple[Chart, ...]:
    """Metrics that are measured of query, key, value and output alike, from the first layer to the last.

    Args:
        scan: What to show.
        topic: Whose metrics.
        start: The number of the first chart's anchor.
    """
    made = (
        _depth_chart(scan, names, stack)
        for names in _families(scan, topic)
        for stack in _stacks(scan.sites)[:STACKS_DRAWN]
    )
    drawn = [chart for chart in made if chart]
    return tuple(replace(chart, anchor=f"d{number}") for number, chart in enumerate(drawn, start=start))


def length_chart(scan: Scan, name: str, anchor: str) -> Chart | None:
    """A metric of health against length; None where it has no curve."""
    known = series(scan, name)
    if not known:
        return None
    drawn, text = known[:SERIES_DRAWN], partial(shown, scan, name)
    lengths = sorted({length for each in drawn for length in each.lengths})
    x = LogAxis(lengths[0], lengths[-1], LEFT, RIGHT)
    y, marks = _upright(drawn)
    return Chart(
        anchor=anchor,
        title=metric_title(scan, name),
        summary=summary(scan, name, drawn),
        x_title=say("chart.tokens"),
        lines=lines(drawn, x, y, text),
        x_ticks=tick_marks(x, ticks(lengths[0], lengths[-1], 2), count),
        y_ticks=tick_marks(y, marks, text),
        marker=marker(scan, x),
        table=numbers(metric_title(scan, name), Column(say("column.length"), "number"), known, text),
        note=left_out(known),
    )


def _families(scan: Scan, topic: Topic) -> Iterator[tuple[str, ...]]:
    """Metrics that differ in nothing but the role in their name, in the order query, key, value, output."""
    found: dict[tuple[str, str], list[str]] = {}
    for name in topic_metrics(scan, topic):
        if len(_ROLE.findall(name.replace("_", " "))) == 1:
            # "q proj" leaves its "proj" behind: gradients of activations and of parameters are two families
            kind = _ROLE.sub(lambda role: role[0].partition(" ")[2] or "…", name.replace("_", " "))
            found.setdefault((kind, scan.metrics[name].unit), []).append(name)
    for names in found.values():
        if len(names) >= ROLES_NEEDED:
            yield tuple(sorted(names, key=lambda name: list(_ROLES).index(_role(name))))


def _role(name: str) -> str:
    match = _ROLE.search(name.replace("_", " "))
    assert match is not None  # families are made of names with a role
    return match[0]


def _stacks(sites: Sequence[AttentionSite]) -> list[list[AttentionSite]]:
    """Sites of one kind, in order: an encoder, a decoder's self-attention, its cross-attention."""
    found: dict[tuple[str, bool | None], list[AttentionSite]] = {}
    for site in sites:
        found.setdefault((site.role, site.is_causal), []).append(site)
    return [stack for stack in found.values() if len(stack) >= SITES_NEEDED]


def _depth_chart(scan: Scan, names: tuple[str, ...], stack: Sequence[AttentionSite]) -> Chart | None:
    known = [each for each in (_over_depth(scan, name, stack) for name in names) if each]
    if not known:
        return None
    x = LinearAxis(1, len(stack), LEFT, RIGHT)
    y, marks = _upright(known, GROWTH)
    text: Shown = partial(shown, scan, names[0])
    title = say("depth_chart.title", what=metric_title(scan, names[0]), where=of.title(stack[0]))
    return Chart(
        anchor="",
        title=title,
        summary=say("depth_chart.summary"),
        x_title=say("depth_chart.x_axis"),
        lines=lines(known, x, y, text),
        x_ticks=tick_marks(x, even_ticks(1, len(stack), is_whole=True), count),
        y_ticks=tick_marks(y, marks, text),
        marker=None,
        table=numbers(title, Column(say("column.layer"), "number"), known, text),
        note="",
        is_of_metrics=True,
    )


def _over_depth(scan: Scan, name: str, stack: Sequence[AttentionSite]) -> Series | None:
    points = [
        (place, value)
        for place, site in enumerate(stack, start=1)
        if (value := site.metrics.get(name)) is not None
    ]
    if len(points) < SITES_NEEDED:
        return None
    size = ceil(len(points) / POINTS_DRAWN)
    bands = [points[start : start + size] for start in range(0, len(points), size)]
    places = tuple(band[0][0] for band in bands)
    values = tuple(middle([value for _, value in band]) for band in bands)
    return Series(_ROLES[_role(name)], metric_title(scan, name), places, values)


def _upright(drawn: Sequence[Series], wide: float = WIDE) -> tuple[Axis, tuple[float, ...]]:
    """The upright axis of some curves and its ticks; logarithmic where their range is wide."""
    scale = scale_of((value for each in drawn for value in each.values), wide)
    if scale.is_log:
        return LogAxis(scale.low, scale.high, BOTTOM, TOP), ticks(scale.low, scale.high, 10)
    return LinearAxis(scale.low, scale.high, BOTTOM, TOP), even_ticks(scale.low, scale.high)
