"""Numbers of a group of identical sites, and the words for what a site is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from attnprobe.records import AttentionSite, Metric, NotMeasured, Number, Scan
from attnprobe.report.parts.catalogue import Text, Words, both, join, say, say_or
from attnprobe.report.parts.quantities import UNKNOWN, count, percent, plain
from attnprobe.report.parts.safe_text import safe

# Sums over sites that mean something; a parameter shared by two sites, or a peak, does not add up.
_SUMMED_BYTES = ("activation_bytes", "copy_bytes", "kv_cache_bytes", "kv_cache_bytes_per_token")
_KINDS = {"dot_product", "talking_heads", "linear", "additive"}


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


def heads(site: AttentionSite) -> str:
    """ "16" or, where heads share keys and values, "16 / 4"."""
    if site.num_heads == site.num_kv_heads:
        return count(site.num_heads)
    return f"{count(site.num_heads)} / {count(site.num_kv_heads)}"


def lengths(site: AttentionSite) -> str:
    """ "2,048 × 2,048": queries by keys."""
    return f"{count(site.q_len)} × {count(site.kv_len)}"


def kernel(site: AttentionSite) -> str:
    """The kernel's name without the parts that all have: "flash_attention_for_cpu"."""
    name = safe(site.kernel)
    return name.removeprefix("aten._").removeprefix("aten.").removeprefix("scaled_dot_product_") or UNKNOWN


def title(site: AttentionSite) -> Text:
    """ "Causal self-attention": mask and role in words."""
    key = "site.causal_self" if site.role == "self" and site.is_causal else f"role.{site.role}"
    return say(key)


def description(site: AttentionSite) -> Text:
    """ "Causal self-attention · multi-head dot product": once where both say the same."""
    role, mechanism = title(site), kind(site)
    return role if role.en.lower() == mechanism.en.lower() else join((role, mechanism), "list.dot")


def kind(site: AttentionSite) -> Text:
    """ "grouped-query dot product, softmax": the mechanism in words."""
    mechanism = say_or(f"mechanism.{site.mechanism}", safe(site.mechanism).replace("_", " "))
    if site.mechanism not in _KINDS:
        return both(mechanism)
    shared = site.num_heads != site.num_kv_heads
    key = "single" if site.num_heads == 1 else "multi" if not shared else "grouped"
    if shared and site.num_kv_heads == 1:
        key = "multi_query"
    return say(f"kind.{key}", mechanism=mechanism)


def mask(site: AttentionSite) -> Text:
    """What the mask lets through, in words, with the share of the pairs."""
    if site.window_left is not None or site.window_right is not None:
        text = say("mask.window", left=_reach(site.window_left), right=_reach(site.window_right))
        if site.is_causal and site.window_left is not None:
            text = say("mask.causal_window", size=count(site.window_left + 1))
    else:
        text = say({True: "mask.causal", False: "mask.full", None: "mask.unknown"}[site.is_causal])
    if site.visible_share in (None, 1.0) or site.is_causal is None:
        return text
    return say("mask.with_share", mask=text, share=percent(site.visible_share))


def scale(site: AttentionSite) -> Words:
    """The factor of the scores, beside the usual one when it is that."""
    if site.scale is None:
        return say("scale.unknown")
    if site.head_dim > 0 and abs(site.scale * site.head_dim**0.5 - 1) < 1e-4:
        return f"{plain(site.scale)} = 1/√{site.head_dim}"
    return say("scale.none") if site.scale == 1 else plain(site.scale)


def _reach(window: int | None) -> Words:
    return say("mask.unlimited") if window is None else count(window)
