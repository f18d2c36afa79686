"""Numbers for every pair of heads: a small triangle per site, and the pairs that stand out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nlargest, nsmallest

from attnprobe.records import HeadMatrix, Scan
from attnprobe.report.page.elements import Column, Table, rows_left_out
from attnprobe.report.page.health.maps import Legend, Shade, legend, shaded
from attnprobe.report.page.health.scale import Scale, scale_of
from attnprobe.report.parts.catalogue import Words, say
from attnprobe.report.parts.names import metric_title, shown
from attnprobe.report.parts.quantities import count
from attnprobe.report.parts.readings import Values
from attnprobe.report.parts.safe_text import safe

SITES_DRAWN = 24
CELLS_DRAWN = 10_000  # of all triangles of a metric
SIDE = 120  # of a triangle, at most
PAIRS_SHOWN = 8

Pair = tuple[float, str, str]  # number, site, "2–5"


@dataclass(frozen=True, slots=True, kw_only=True)
class Triangle:
    """The pairs of one site."""

    site: Words
    heads: int
    cell: int
    side: str
    shades: tuple[Shade, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """All that is shown of a metric of pairs."""

    triangles: tuple[Triangle, ...]
    legend: Legend
    table: Table
    note: Words


def pairs(scan: Scan, name: str, found: Sequence[Values]) -> Pairs | None:
    """The pairs of heads of each site; None where the metric has none."""
    matrices = [each for each in scan.matrices if each.metric == name and len(each.values) > 1]
    of_sites = [each for each in found if each.heads and len(each.heads[0]) == 2]
    if not matrices or not of_sites:
        return None
    # A head against itself is one end of the scale: how alike heads are is seen against that
    own = [each.values[0][0] for each in matrices[:1] if each.values[0][0] is not None]
    scale = scale_of([*own, *(number for each in of_sites for number in each.known)])
    cells = max(len(each.values) for each in matrices) ** 2
    drawn = _spread_out(matrices, max(min(SITES_DRAWN, CELLS_DRAWN // cells), 1))
    return Pairs(
        triangles=tuple(_triangle(each, scale) for each in drawn),
        legend=legend(scan, name, scale),
        table=_table(scan, name, of_sites),
        note=rows_left_out(len(drawn), len(matrices)),
    )


def _spread_out(matrices: Sequence[HeadMatrix], limit: int) -> Sequence[HeadMatrix]:
    """At most so many, evenly over the depth of the model."""
    if len(matrices) <= limit:
        return matrices
    return [matrices[place * len(matrices) // limit] for place in range(limit)]


def _triangle(matrix: HeadMatrix, scale: Scale) -> Triangle:
    heads = len(matrix.values)
    cell = max(min(SIDE // heads, 12), 2)
    lower = [matrix.values[row][:row] for row in range(heads)]
    return Triangle(
        site=safe(matrix.site, 60) or say("site.root"),
        heads=heads,
        cell=cell,
        side=str(cell * heads),
        shades=shaded(lower, scale),
    )


def _table(scan: Scan, name: str, found: Sequence[Values]) -> Table:
    """The highest and the lowest pairs over all sites."""
    known: list[Pair] = [
        (number, each.site, "–".join(map(str, pair)))
        for each in found
        for number, pair in zip(each.numbers, each.heads, strict=True)
        if number is not None
    ]
    amount = min(PAIRS_SHOWN, (len(known) + 1) // 2)
    highest = nlargest(amount, known, key=lambda pair: pair[0])
    lowest = nsmallest(amount, known, key=lambda pair: pair[0])
    rows = [
        (*_cells(scan, name, high), *_cells(scan, name, low))
        for high, low in zip(highest, lowest, strict=True)
    ]
    columns = tuple(
        column
        for end in ("highest", "lowest")
        for column in (
            Column(say(f"pairs.{end}"), "number"),
            Column(say("column.heads"), "number"),
            Column(say("column.site"), "code"),
        )
    )
    note = say("pairs.all", count=count(len(known)))
    return Table(caption=metric_title(scan, name), columns=columns, rows=tuple(rows), note=note)


def _cells(scan: Scan, name: str, pair: Pair) -> tuple[Words, ...]:
    return (shown(scan, name, pair[0]), pair[2], safe(pair[1], 60) or say("site.root"))
