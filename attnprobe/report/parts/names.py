"""Metrics and lists of names by the words that a reader sees."""

from __future__ import annotations

from attnprobe.change_facts import CHANGE_FACTS, ChangeFact
from attnprobe.records import Metric, Number, Scan
from attnprobe.report.parts.catalogue import Text, Words, join, say, say_or, titles_in_chinese
from attnprobe.report.parts.quantities import count, percent, quantity
from attnprobe.report.parts.safe_text import safe

NAMES_SHOWN = 4


def metric_title(scan: Scan, name: str) -> Words:
    """What a metric is called: our own words where we have them, else its dictionary's.

    Of the metrics of health the dictionary's words are the English ones; the Chinese are ours.
    """
    known = scan.metrics.get(name)
    title, ours = safe(known.title if known else name), titles_in_chinese().get(name)
    return say_or(f"metric.{name}", Text(title, ours) if ours else title)


def shown(scan: Scan, name: str, value: Number | None) -> str:
    """A value of a metric, rounded and with its unit; of an enumeration, what the value stands for."""
    known = scan.metrics.get(name)
    if known and known.labels and isinstance(value, int | float) and value in range(len(known.labels)):
        return safe(known.labels[int(value)]).replace("_", " ")
    return quantity(value, unit_of(scan, name), name)


def unit_of(scan: Scan, name: str) -> str:
    """The unit of a metric or of a fact about change; where neither is known, what its name says."""
    known: Metric | ChangeFact | None = scan.metrics.get(name) or CHANGE_FACTS.get(name)
    if known:
        return known.unit
    if name.startswith("flops_"):
        return "FLOP"
    return next((unit for end, unit in (("_ms", "ms"), ("bytes", "byte")) if name.endswith(end)), "1")


def signed_percent(share: float | None) -> str:
    """A difference: "+0.4 %", "−2.1 %", "0 %"."""
    if not share:
        return percent(share)
    return f"{'+' if share > 0 else '−'}{percent(abs(share))}"


def names(all_names: tuple[str, ...]) -> Words:
    """The first few names, and how many more."""
    first = join(tuple(safe(name, 80) for name in all_names[:NAMES_SHOWN]))
    more = len(all_names) - NAMES_SHOWN
    return say("list.and_more", names=first, count=count(more)) if more > 0 else first
