"""All numbers of health, site by site.

A scan has tens of thousands of them. They stand in lines of equal columns, at a letter or two of markup per
number; the same numbers as cells of tables would double the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from attnprobe.records import AttentionSite, Number, Scan
from attnprobe.report.page.elements import rows_left_out
from attnprobe.report.parts.catalogue import Words, say
from attnprobe.report.parts.names import shown
from attnprobe.report.parts.readings import health_metrics
from attnprobe.report.parts.safe_text import safe

HEADS_IN_A_BLOCK = 16
_EXPONENT = re.compile(r"e\+?(-?)0*(?=\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteHeads:
    """A site with all its numbers of health."""

    anchor: str
    letter: str
    site: Words
    blocks: tuple[str, ...]  # lines of equal columns: a metric each, first the site, then its heads


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """The sites, as many as a page can hold."""

    sites: tuple[SiteHeads, ...]
    note: Words


def site_anchors(scan: Scan, limit: int) -> Mapping[str, str]:
    """The anchors of the sites that are listed, by site: the first ones, up to so many numbers."""
    anchors: dict[str, str] = {}
    left, metrics = limit, health_metrics(scan)
    for place, site in enumerate(scan.sites):
        names = _known(metrics, site)
        left -= sum(1 + len(site.head_metrics.get(name, ())) for name in names)
        if left < 0:
            break
        if names:
            anchors[site.id] = f"s{place}"
    return anchors


def heads(scan: Scan, anchors: Mapping[str, str], letters: Mapping[str, str]) -> Heads:
    """The tables of the sites that have an anchor."""
    metrics = health_metrics(scan)
    known = [(site, names) for site in scan.sites if (names := _known(metrics, site))]
    sites = tuple(
        _site(scan, site, names, anchors[site.id], letters.get(site.id, ""))
        for site, names in known
        if site.id in anchors
    )
    return Heads(sites=sites, note=rows_left_out(len(sites), len(known)))


def _known(metrics: tuple[str, ...], site: AttentionSite) -> list[str]:
    return [
        name
        for name in metrics
        if site.metrics.get(name) is not None or _has_any(site.head_metrics.get(name, ()))
    ]


def _has_any(numbers: tuple[Number | None, ...]) -> bool:
    return any(number is not None for number in numbers)


def _site(scan: Scan, site: AttentionSite, names: list[str], anchor: str, letter: str) -> SiteHeads:
    width = max((len(site.head_metrics.get(name, ())) for name in names), default=0)
    starts = range(0, max(width, 1), HEADS_IN_A_BLOCK)
    return SiteHeads(
        anchor=anchor,
        letter=letter,
        site=safe(site.id) or say("site.root"),
        blocks=tuple(
            _block(scan, site, names, start, min(start + HEADS_IN_A_BLOCK, width)) for start in starts
        ),
    )


def _block(scan: Scan, site: AttentionSite, names: list[str], start: int, end: int) -> str:
    """All metrics of a site, with some of its heads; the site's own number only before the first head."""
    rows = [["", *(["*"] if start == 0 else []), *map(str, range(start, end))]]
    for name in names:
        per_head = site.head_metrics.get(name, ())[start:end]
        if start == 0:
            rows.append([safe(name), *_shown(scan, name, (site.metrics.get(name), *per_head))])
        elif per_head:
            rows.append([safe(name), *_shown(scan, name, per_head)])
    return _aligned(rows)


def _shown(scan: Scan, name: str, numbers: tuple[Number | None, ...]) -> Iterator[str]:
    """Values as short as can be: "1.5e-6", not "1.5e-06"."""
    return (_EXPONENT.sub(r"e\1", shown(scan, name, number)) for number in numbers)


def _aligned(rows: list[list[str]]) -> str:
    """The first column to the left, the others to the right, in one width."""
    first = max(len(row[0]) for row in rows)
    other = max((len(cell) for row in rows for cell in row[1:]), default=0)
    lines = (row[0].ljust(first) + "".join(f" {cell:>{other}}" for cell in row[1:]) for row in rows)
    return "\n".join(lines)
