"""The cells of a row: the model's own number, then a median and a range per group of sites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from attnprobe.records import Scan
from attnprobe.report.page.health.spark import spark
from attnprobe.report.parts.catalogue import Words, say
from attnprobe.report.parts.names import shown
from attnprobe.report.parts.quantities import count
from attnprobe.report.parts.readings import Values, reading
from attnprobe.report.parts.sites import SiteGroup

GROUPS_IN_A_ROW = 4


@dataclass(frozen=True, slots=True)
class HealthCell:
    """Median and range of a metric over some sites."""

    label: Words
    value: str
    range: str  # "" where all numbers are the same
    spark: str  # path; "" where there is no line to draw


def model_cell(scan: Scan, name: str) -> tuple[HealthCell, ...]:
    """The model's own number, where it has one."""
    value = scan.totals.get(name)
    if value is None:
        return ()
    return (HealthCell(say("series.model"), shown(scan, name, value), "", ""),)


def group_cells(
    scan: Scan, name: str, known: Sequence[tuple[SiteGroup, list[Values]]]
) -> tuple[HealthCell, ...]:
    """A cell per group; one for all sites where there are too many groups."""
    if len(known) > GROUPS_IN_A_ROW:
        pooled = [each for _, own in known for each in own]
        label = say("column.all_sites", count=count(len(pooled)))
        return (_cell(scan, name, label, pooled),)
    return tuple(_cell(scan, name, group.short, own) for group, own in known)


def _cell(scan: Scan, name: str, label: Words, own: Sequence[Values]) -> HealthCell:
    found = reading(own)
    assert found is not None  # sites without a number were left out
    low, high = shown(scan, name, found.low.value), shown(scan, name, found.high.value)
    extent = "" if low == high else f"{low} – {high}"
    return HealthCell(label, shown(scan, name, found.median), extent, "" if found.is_one else spark(own))


def padded(cells: Sequence[HealthCell], columns: Sequence[Words]) -> tuple[HealthCell, ...]:
    """A cell for each of these columns, empty where there is none of its label."""
    known = {cell.label: cell for cell in cells}
    return tuple(known.get(label, HealthCell("", "", "", "")) for label in columns)
