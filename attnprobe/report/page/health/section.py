"""The section on health: what stands out, then a part per topic, then all numbers of each site."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from attnprobe.records import Scan, Topic
from attnprobe.report.page.charts import Chart
from attnprobe.report.page.elements import Fact, Table
from attnprobe.report.page.health.heads import Heads, heads, site_anchors
from attnprobe.report.page.health.lines import depth_charts, length_chart
from attnprobe.report.page.health.maps import ROWS_DRAWN
from attnprobe.report.page.health.remedies import remedies
from attnprobe.report.page.health.rows import HealthRow, Surroundings, aligned, ends, health_row
from attnprobe.report.parts.catalogue import Text, Words, join, say
from attnprobe.report.parts.names import metric_title, shown
from attnprobe.report.parts.readings import (
    HEALTH,
    has_numbers,
    headlines,
    health_metrics,
    is_doubtful,
    reading,
    topic_metrics,
    values,
)
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.parts.sites import site_groups

FIGURES_SHOWN = 8
ROWS_AT_A_GLANCE = 6  # of a topic
FEWEST_ROWS = 8  # of a map


@dataclass(frozen=True, slots=True)
class Room:
    """How much of a page health may take."""

    cells: int  # in all heat maps
    numbered: int  # up to so many cells, all maps have their numbers in them; beyond, those of headlines
    numbers: int  # in the lists of single sites


WHOLE = Room(100_000, 20_000, 60_000)
MERGED = Room(16_000, 16_000, 14_000)  # where there are so many sites that rows stand for several


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicPart:
    """One topic."""

    anchor: str
    title: Text
    lead: Text
    charts: tuple[Chart, ...]
    rows: tuple[HealthRow, ...]
    more: tuple[HealthRow, ...]  # of a topic with many: those that are no headlines
    more_title: Words
    missing_title: Words
    missing: Words  # the metrics of which nothing is known


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The section."""

    banner: Words
    figures: tuple[Fact, ...]
    topics: tuple[TopicPart, ...]
    remedies: Table | None
    heads: Heads

    @property
    def is_empty(self) -> bool:
        """No number of health is known."""
        return not self.topics


def health(scan: Scan) -> Health:
    """The section."""
    groups = site_groups(scan)
    room = MERGED if len(scan.sites) > ROWS_DRAWN else WHOLE
    anchors = site_anchors(scan, room.numbers)
    rows, is_numbered = _map_room(scan, room)
    around = Surroundings(groups, anchors, rows, is_numbered, _length_charts(scan))
    letters = {site.id: group.letter for group in groups for site in group.sites}
    topics: list[TopicPart] = []
    for topic in HEALTH:
        drawn = sum(len(part.charts) for part in topics)
        topics += _topic(scan, topic, around, drawn + 1)
    return Health(
        banner=_banner(scan),
        figures=_figures(scan),
        topics=tuple(topics),
        remedies=remedies(scan),
        heads=heads(scan, anchors, letters),
    )


def _topic(scan: Scan, topic: Topic, around: Surroundings, start: int) -> tuple[TopicPart, ...]:
    names = topic_metrics(scan, topic)
    rows = aligned([row for name in names if (row := health_row(scan, name, around))])
    if not rows:
        return ()
    first = [row for row in rows if row.is_headline]
    shown_rows = tuple(first) if first and len(rows) > ROWS_AT_A_GLANCE else rows
    more = tuple(row for row in rows if row not in shown_rows)
    missing = tuple(safe(name) for name in sorted(names) if not has_numbers(scan, name))
    return (
        TopicPart(
            anchor=f"health-{topic}",
            title=say(f"topic.{topic}"),
            lead=say(f"topic_lead.{topic}"),
            charts=depth_charts(scan, topic, start),
            rows=shown_rows,
            more=more,
            more_title=say("health.more", count=len(more)),
            missing_title=say("health.missing", count=len(missing)),
            missing=join(missing) if missing else "",
        ),
    )


def _banner(scan: Scan) -> Words:
    """What to hold against all of it, when the inputs were made up."""
    marked = sum(is_doubtful(scan, name) and has_numbers(scan, name) for name in health_metrics(scan))
    return say("health.random", count=marked) if marked else ""


def _figures(scan: Scan) -> tuple[Fact, ...]:
    return tuple(_figure(scan, name) for _, name in headlines(scan, FIGURES_SHOWN))


def _figure(scan: Scan, name: str) -> Fact:
    found = reading(values(scan, name).values())
    total = scan.totals.get(name)
    value = total if total is not None else found.median if found else None
    return Fact(metric_title(scan, name), shown(scan, name, value), ends(scan, name, found))


def _map_room(scan: Scan, room: Room) -> tuple[int, bool]:
    """How many rows each heat map may have, so that all fit on the page; whether all can hold numbers."""
    heads_of: dict[str, int] = {}
    for site in scan.sites:
        for name, numbers in site.head_metrics.items():
            heads_of[name] = max(heads_of.get(name, 0), len(numbers))
    width = max(sum(heads_of.values()), 1)
    rows = max(room.cells // width, FEWEST_ROWS)
    return rows, width * min(rows, len(scan.sites), ROWS_DRAWN) <= room.numbered


def _length_charts(scan: Scan) -> Mapping[str, Chart]:
    with_curves = {curve.metric for curve in scan.curves}
    known = [name for name in health_metrics(scan) if name in with_curves]
    charts = {name: length_chart(scan, name, f"l{number}") for number, name in enumerate(known, start=1)}
    return {name: chart for name, chart in charts.items() if chart}
