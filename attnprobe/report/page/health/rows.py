"""A metric of health: one row with a cell per group, which opens to its map and its explanation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from attnprobe.records import Scan
from attnprobe.report.page.charts import Chart
from attnprobe.report.page.elements import rows_left_out
from attnprobe.report.page.health.cells import HealthCell, group_cells, model_cell, padded
from attnprobe.report.page.health.maps import HeatMap, heat_map
from attnprobe.report.page.health.pairs import Pairs, pairs
from attnprobe.report.parts.catalogue import Text, Words, join, say
from attnprobe.report.parts.names import metric_title, shown
from attnprobe.report.parts.quantities import count
from attnprobe.report.parts.readings import Reading, Values, is_doubtful, reading, values, where
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.parts.sites import SiteGroup

CELLS_IN_A_ROW = 5
GROUPS_LISTED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthRow:
    """One metric."""

    title: Words
    key: str  # in the JSON
    kind: Text  # unit and exactness
    is_headline: bool
    is_doubtful: bool  # it describes data, and the data was random
    cells: tuple[HealthCell, ...]
    method: str
    not_said: str
    source: str
    ends: Words  # where the lowest and the highest number are
    gap: Words  # at how many sites it is missing, and why
    groups: tuple[Text, ...]
    groups_note: Words
    map: HeatMap | None
    pairs: Pairs | None
    chart: Chart | None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all rows of a page share."""

    groups: tuple[SiteGroup, ...]
    anchors: Mapping[str, str]  # of the sites that have a table of their own
    map_rows: int
    is_numbered: bool  # all heat maps have their numbers in them, not those of headlines alone
    charts: Mapping[str, Chart]  # against length, by metric


def health_row(scan: Scan, name: str, around: Surroundings) -> HealthRow | None:
    """The row of a metric; None where no number of it is known."""
    metric, found = scan.metrics[name], values(scan, name)
    by_group = [
        (group, [found[site.id] for site in group.sites if site.id in found]) for group in around.groups
    ]
    known = [(group, own) for group, own in by_group if own]
    cells = (*model_cell(scan, name), *group_cells(scan, name, known))
    if not cells and name not in around.charts:
        return None
    everything = [each for each in found.values() if each.known]
    unit = say("unit.ratio") if metric.unit == "1" else safe(metric.unit)
    return HealthRow(
        title=metric_title(scan, name),
        key=safe(name),
        kind=join((unit, say(f"exactness.{metric.exactness}")), "list.dot"),
        is_headline=metric.headline,
        is_doubtful=is_doubtful(scan, name),
        cells=cells,
        method=safe(metric.method, 1000),
        not_said=safe(metric.not_said, 1000),
        source=safe(metric.source, 1000),
        ends=ends(scan, name, reading(everything)),
        gap=_gap(scan, name, found),
        groups=_by_group(scan, name, known),
        groups_note=rows_left_out(GROUPS_LISTED, len(known)),
        map=heat_map(
            scan,
            name,
            found,
            around.anchors,
            rows=around.map_rows,
            has_numbers=around.is_numbered or metric.headline,
        ),
        pairs=pairs(scan, name, everything),
        chart=around.charts.get(name),
    )


def aligned(rows: Sequence[HealthRow]) -> tuple[HealthRow, ...]:
    """The rows with empty cells where others have one, so that the same sites stand below one another."""
    labels = dict.fromkeys(cell.label for row in rows for cell in row.cells)
    first = [label for label in labels if label == say("series.model")]
    columns = [*first, *(label for label in labels if label not in first)]
    if len(columns) > CELLS_IN_A_ROW:
        return tuple(rows)
    return tuple(replace(row, cells=padded(row.cells, columns)) for row in rows)


def ends(scan: Scan, name: str, found: Reading | None) -> Words:
    """ "Lowest 0.004 at h.0.attn, head 2; highest 0.97 at h.3.attn, head 7": "" where all are the same."""
    if found is None or found.is_one:
        return ""
    return say(
        "health.ends",
        low=shown(scan, name, found.low.value),
        low_place=where(found.low),
        high=shown(scan, name, found.high.value),
        high_place=where(found.high),
    )


def _gap(scan: Scan, name: str, found: Mapping[str, Values]) -> Words:
    """Of a number that some sites have: why the others have none."""
    reasons = dict.fromkeys(
        missing.reason
        for missing in scan.not_measured
        if missing.metric == name and missing.site not in found
    )
    if not reasons or not found:
        return ""
    sites, reason = len(scan.sites) - len(found), safe(next(iter(reasons)), 300)
    return say("health.gap", count=sites, all=count(len(scan.sites)), reason=reason) if sites else ""


def _by_group(scan: Scan, name: str, known: Sequence[tuple[SiteGroup, list[Values]]]) -> tuple[Text, ...]:
    """A sentence per group, where there are several: its median, and where its extremes are."""
    if len(known) < 2:
        return ()
    return tuple(
        say(
            "health.group",
            group=group.short,
            median=shown(scan, name, found.median),
            ends=ends(scan, name, found) or say("health.same"),
        )
        for group, own in known[:GROUPS_LISTED]
        if (found := reading(own))
    )
