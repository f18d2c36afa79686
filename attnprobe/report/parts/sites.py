"""Groups of identical sites, and their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from attnprobe.records import AttentionSite, Metric, NotMeasured, Number, Scan
from attnprobe.report.parts.catalogue import Words, say
from attnprobe.report.parts.quantities import count
from attnprobe.report.parts.safe_text import safe

# Sums over sites that mean something; a parameter shared by two sites, or a peak, does not add up.
_SUMMED_BYTES = ("activation_bytes", "copy_bytes", "kv_cache_bytes", "kv_cache_bytes_per_token")


@dataclass(frozen=True, slots=True)
class Spread:
    """Least and greatest value of a metric over the sites of a group; both None when none is known."""

    low: Number | None
    high: Number | None
    known: int  # sites with a value

    @property
    def is_one(self) -> bool:
        """All sites have the same value."""
        return self.low == self.high


@dataclass(frozen=True, slots=True)
class SiteGroup:
    """Identical sites under the letter that every part of a report calls them by."""

    letter: str
    name: Words
    sites: tuple[AttentionSite, ...]

    @property
    def times(self) -> str:
        """ "×12", or nothing for a single site."""
        return f"×{count(len(self.sites))}" if len(self.sites) > 1 else ""

    @property
    def short(self) -> str:
        """ "A ×12": its letter, and how many."""
        return f"{self.letter} {self.times}".rstrip()


def site_groups(scan: Scan) -> tuple[SiteGroup, ...]:
    """All groups, the costliest first."""
    ordered = sorted(scan.groups.items(), key=lambda item: -(total(item[1], "flops_forward") or 0))
    return tuple(
        SiteGroup(_letter(place), safe(name) or say("site.root"), sites)
        for place, (name, sites) in enumerate(ordered)
    )


def _letter(place: int) -> str:
    """A, B … Z, AA, AB …"""
    before, last = divmod(place, 26)
    return (_letter(before - 1) if before else "") + chr(ord("A") + last)


def spread(sites: Sequence[AttentionSite], metric: str) -> Spread:
    """How far the sites of a group differ in a metric."""
    values = [value for site in sites if (value := site.metrics.get(metric)) is not None]
    return Spread(min(values), max(values), len(values)) if values else Spread(None, None, 0)


def is_summed(metric: Metric) -> bool:
    """Whether the values of several sites add up to something."""
    if metric.unit in ("FLOP", "operation"):
        return True
    if metric.unit == "ms":
        return not metric.name.endswith("_spread")
    return metric.name in _SUMMED_BYTES


def total(sites: Sequence[AttentionSite], metric: str) -> Number | None:
    """The sum over the sites; None as soon as one of them is not known."""
    values = [site.metrics.get(metric) for site in sites]
    return sum(v for v in values if v is not None) if values and None not in values else None


def share(sites: Sequence[AttentionSite], metric: str, scan: Scan) -> float | None:
    """What the sites cost, as a part of the whole model's cost."""
    whole, part = scan.totals.get(metric), total(sites, metric)
    return part / whole if whole and part is not None else None


def reason(scan: Scan, metric: str, site: str = "") -> str:
    """Why a number is missing, in the words of who could not measure it; "" when nobody said."""
    return _reasons(scan.not_measured, metric, site)


def _reasons(gaps: tuple[NotMeasured, ...], metric: str, site: str) -> str:
    fitting = [gap for gap in gaps if gap.metric == metric and gap.site in (site, "")]
    own = [gap for gap in fitting if gap.site == site] or fitting
    return own[0].reason if own else ""
