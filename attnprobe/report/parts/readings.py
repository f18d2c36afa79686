"""What a health metric says of some sites: its median, its lowest and highest value, and where they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from statistics import median_high, median_low
from typing import get_args

from attnprobe.records import AttentionSite, HeadMatrix, Metric, Number, Scan, Topic
from attnprobe.report.parts.catalogue import Words, say
from attnprobe.report.parts.order import headline_place
from attnprobe.report.parts.safe_text import safe

HEALTH: tuple[Topic, ...] = tuple(topic for topic in get_args(Topic) if topic != "cost")


@dataclass(frozen=True, slots=True)
class Values:
    """The numbers of one metric at one site: one per head, one per pair of heads, or a single one."""

    site: str
    numbers: tuple[Number | None, ...]
    heads: tuple[tuple[int, ...], ...]  # whose each number is: (3,) a head, (2, 5) a pair, () the whole site

    @property
    def is_per_head(self) -> bool:
        """One number per head."""
        return bool(self.heads) and len(self.heads[0]) == 1

    @property
    def known(self) -> tuple[Number, ...]:
        """The numbers that were measured."""
        return tuple(number for number in self.numbers if number is not None)


@dataclass(frozen=True, slots=True)
class Place:
    """A number and where it was measured."""

    value: Number
    site: str
    heads: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """Many numbers in three."""

    median: Number
    low: Place
    high: Place

    @property
    def is_one(self) -> bool:
        """All numbers are the same."""
        return self.low.value == self.high.value


def topic_metrics(scan: Scan, topic: Topic) -> tuple[str, ...]:
    """The metrics of a topic: those marked as headline first, the best known ahead, then by name."""
    names = [name for name, metric in scan.metrics.items() if metric.topic == topic]
    return tuple(sorted(names, key=lambda name: (*_rank(scan.metrics[name]), *_numbered(name))))


def _rank(metric: Metric) -> tuple[bool, int]:
    return (not metric.headline, headline_place(metric.name) if metric.headline else 0)


def _numbered(name: str) -> tuple[tuple[int, str], ...]:
    """The key of a name in which "window_64" comes before "window_256"."""
    return tuple(
        (int(part[:15]), "") if part.isascii() and part.isdecimal() else (-1, part)
        for part in re.split(r"(\d+)", name)
    )


def health_metrics(scan: Scan) -> tuple[str, ...]:
    """All metrics of health, topic by topic."""
    return tuple(name for topic in HEALTH for name in topic_metrics(scan, topic))


def headlines(scan: Scan, limit: int) -> tuple[tuple[Topic, str], ...]:
    """The metrics marked as headline with a known number: of each topic the first, then the second …"""
    known = {
        topic: [n for n in topic_metrics(scan, topic) if scan.metrics[n].headline and has_numbers(scan, n)]
        for topic in HEALTH
    }
    in_turn = [(place, topic, name) for topic, names in known.items() for place, name in enumerate(names)]
    chosen = {(topic, name) for _, topic, name in sorted(in_turn, key=lambda item: item[0])[:limit]}
    return tuple((topic, name) for _, topic, name in in_turn if (topic, name) in chosen)


def is_doubtful(scan: Scan, name: str) -> bool:
    """Whether a metric describes data, and the data was random."""
    return scan.metrics[name].needs_data and scan.workload.data == "random"


def has_numbers(scan: Scan, name: str) -> bool:
    """Whether any number of a metric is known."""
    return (
        scan.totals.get(name) is not None
        or bool(values(scan, name))
        or any(curve.metric == name for curve in scan.curves)
    )


def is_health(scan: Scan, name: str) -> bool:
    """Whether a metric belongs to the health of attention, not to its cost."""
    return name in scan.metrics and scan.metrics[name].topic != "cost"


def values(scan: Scan, name: str) -> Mapping[str, Values]:
    """What is known of a metric at each site, by the site's id; sites without any number are left out."""
    pairs = {matrix.site: matrix for matrix in scan.matrices if matrix.metric == name}
    found = {site.id: _of_site(site, name, pairs.get(site.id)) for site in scan.sites}
    return {site: each for site, each in found.items() if each.known}


def reading(found: Iterable[Values]) -> Reading | None:
    """Median and extremes over all numbers; None when there is none."""
    places = [
        (number, each, place)
        for each in found
        for place, number in enumerate(each.numbers)
        if number is not None
    ]
    if not places:
        return None
    low, high = (choose(places, key=lambda item: item[0]) for choose in (min, max))
    ends = [Place(number, each.site, each.heads[place]) for number, each, place in (low, high)]
    return Reading(middle([number for number, _, _ in places]), *ends)


def middle(numbers: Sequence[Number]) -> Number:
    """The median, at least of one number; its halves are added, since the sum of two large ones overflows."""
    low, high = median_low(numbers), median_high(numbers)
    return low if low == high else low / 2 + high / 2


def where(place: Place) -> Words:
    """ "h.0.attn, head 2": the site, and which of its heads where that is known."""
    site = safe(place.site, 60) or say("site.root")
    if not place.heads:
        return site
    key = "where.head" if len(place.heads) == 1 else "where.pair"
    return say(key, site=site, heads="–".join(map(str, place.heads)))


def _of_site(site: AttentionSite, name: str, matrix: HeadMatrix | None) -> Values:
    if name in site.head_metrics:
        per_head = site.head_metrics[name]
        return Values(site.id, per_head, _heads(len(per_head)))
    if matrix is not None:
        pairs = _pairs(len(matrix.values))
        return Values(site.id, tuple(matrix.values[a][b] for a, b in pairs), pairs)
    return Values(site.id, (site.metrics.get(name),), ((),))


@cache
def _heads(count: int) -> tuple[tuple[int, ...], ...]:
    return tuple((head,) for head in range(count))


@cache
def _pairs(count: int) -> tuple[tuple[int, ...], ...]:
    return tuple(combinations(range(count), 2))
