"""Heat maps of what is measured per head: a row per site in order, a column per head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil

from attnprobe.records import Number, Scan
from attnprobe.report.page.health.labels import row_labels
from attnprobe.report.page.health.scale import Scale, scale_of
from attnprobe.report.parts.catalogue import Text, Words, both, say
from attnprobe.report.parts.names import shown, unit_of
from attnprobe.report.parts.quantities import count, is_percent, tiny
from attnprobe.report.parts.readings import Values, middle

ROWS_DRAWN = 48
CELLS_DRAWN = 10_000  # of one map
HEADS_WITH_NUMBERS = 24
LETTER, MARGIN, TOP = 6.4, 14, 20
LETTERS = 5  # of a cell

Row = tuple[Number | None, ...]


@dataclass(frozen=True, slots=True)
class Shade:
    """All cells of one shade: horizontal strokes, one unit per cell."""

    name: str  # class
    path: str


@dataclass(frozen=True, slots=True)
class MapRow:
    """The name and the numbers of a row."""

    y: str
    label: Words
    anchor: str  # of the site's own table; "" where the page has none
    numbers: str  # all of them, as many letters each; "" where cells are too small for numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Legend:
    """The shades from one end to the other."""

    low: str
    high: str
    words: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """One map, ready to be placed."""

    size: tuple[str, str]
    cell: tuple[int, int]
    left: int  # of the cells; the names of the rows stand before it
    top: str  # middle of the first row
    width: int  # of the cells
    shades: tuple[Shade, ...]
    rows: tuple[MapRow, ...]
    heads: str  # their numbers, as many letters each as a cell's
    legend: Legend
    note: Words


def heat_map(
    scan: Scan,
    name: str,
    found: Mapping[str, Values],
    anchors: Mapping[str, str],
    *,
    rows: int = ROWS_DRAWN,
    has_numbers: bool = True,
) -> HeatMap | None:
    """The map of a metric; None where it is not measured per head.

    Args:
        scan: For units.
        name: Of the metric.
        found: Its values by site.
        anchors: Of the sites that have a table of their own on the page.
        rows: At most so many. Where there are more sites, neighbours share one: the medians of their heads.
        has_numbers: Write them into the cells, where there are few enough heads.
    """
    per_head = [each for each in found.values() if each.is_per_head]
    if not per_head:
        return None
    width = max(len(each.numbers) for each in per_head)
    size = ceil(len(per_head) / max(min(rows, ROWS_DRAWN, CELLS_DRAWN // width), 1))
    bands = [per_head[start : start + size] for start in range(0, len(per_head), size)]
    cells = [_merged(band, width) for band in bands]
    scale = scale_of(number for row in cells for number in row if number is not None)
    is_small = width > HEADS_WITH_NUMBERS or not has_numbers
    cell, step = ((14, 14), 4) if is_small else ((32, 18), 1)
    labels = row_labels([[each.site for each in band] for band in bands])
    factor = 100 if is_percent(unit_of(scan, name), name) else 1
    left = ceil(MARGIN + LETTER * max(len(both(label).en) for label in labels))
    return HeatMap(
        size=(str(left + width * cell[0] + 1), str(TOP + len(cells) * cell[1] + 1)),
        cell=cell,
        left=left,
        top=f"{TOP + cell[1] / 2:g}",
        width=width * cell[0],
        shades=shaded(cells, scale),
        rows=tuple(
            MapRow(
                f"{place * cell[1] + cell[1] / 2 + 4:g}",
                label,
                anchors.get(band[0].site, "") if size == 1 else "",
                "" if is_small else _numbers(row, factor),
            )
            for place, (band, row, label) in enumerate(zip(bands, cells, labels, strict=True))
        ),
        heads="".join(_centred(str(head) if head % step == 0 else "") for head in range(width)),
        legend=legend(scan, name, scale),
        note=say("map.bands", count=count(size), sites=count(len(per_head))) if size > 1 else "",
    )


def shaded(cells: Sequence[Row], scale: Scale) -> tuple[Shade, ...]:
    """Cells by shade. Neighbours of one shade are one stroke; a number that is missing stays blank."""
    paths: dict[int, list[str]] = {}
    for y, row in enumerate(cells):
        x = 0
        for shade, run in groupby(row, key=lambda number: None if number is None else scale.shade(number)):
            length = len(tuple(run))
            if shade is not None:
                paths.setdefault(shade, []).append(f"M{x} {y}h{length}")
            x += length
    return tuple(Shade(f"q{shade}", "".join(paths[shade])) for shade in sorted(paths))


def legend(scan: Scan, name: str, scale: Scale) -> Legend:
    """The ends of a scale in the metric's unit."""
    return Legend(low=shown(scan, name, scale.low), high=shown(scan, name, scale.high), words=scale.words)


def _merged(band: Sequence[Values], width: int) -> Row:
    if len(band) == 1:
        return band[0].numbers + (None,) * (width - len(band[0].numbers))
    columns = ([each.numbers[head] for each in band if head < len(each.numbers)] for head in range(width))
    known = ([number for number in column if number is not None] for column in columns)
    return tuple(middle(column) if column else None for column in known)


def _numbers(row: Row, factor: int) -> str:
    return "".join(_centred(tiny(None if number is None else number * factor)) for number in row)


def _centred(text: str) -> str:
    return text.center(LETTERS)
