"""What changed between two scans, one change in a line: before, after, and a word beside every sign."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from attnprobe.records import Change, Number, Scan
from attnprobe.report.parts.catalogue import Text, Words, join, say
from attnprobe.report.parts.names import metric_title, shown, signed_percent
from attnprobe.report.parts.quantities import UNKNOWN
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.parts.verdict_signs import sign_of

_JUDGED = ("better", "worse", "added", "removed")
_MERELY_CHANGED = 3


def of_kind(scan: Scan, kind: str) -> tuple[Change, ...]:
    """The changes of totals, of sites, or of findings; none where nothing was compared."""
    return tuple(each for each in scan.comparison.changes if each.kind == kind) if scan.comparison else ()


def is_news(change: Change) -> bool:
    """Whether anything changed."""
    return change.verdict not in ("same", "within_noise", "not_comparable")


def comparable_totals(scan: Scan) -> tuple[Change, ...]:
    """Totals that can be compared, as the comparison orders them."""
    return tuple(each for each in of_kind(scan, "total") if each.verdict != "not_comparable")


def telling(totals: Iterable[Change], *, first: Collection[str]) -> tuple[Change, ...]:
    """What a reader always asks for, what got better or worse, and the largest of what merely changed."""
    known = tuple(totals)
    asked = [each for each in known if each.name in first]
    others = [each for each in known if is_news(each) and each.name not in first]
    judged = [each for each in others if each.verdict in _JUDGED]
    changed = sorted(
        (each for each in others if each.verdict not in _JUDGED), key=lambda each: -abs(each.relative or 0)
    )
    return (*asked, *judged, *changed[:_MERELY_CHANGED])


def value(scan: Scan, change: Change, number: Number | str | None) -> Words:
    """One side of it: "1.53 TF", "num_kv_heads 8", "–"."""
    if number is None:
        return UNKNOWN
    if isinstance(number, str):
        return safe(number)
    return shown(scan, change.name, number) if change.kind != "finding" else str(number)


def difference(change: Change) -> str:
    """ "+6.1 %", "0 %", or a dash."""
    return signed_percent(change.relative) if change.relative is not None else UNKNOWN


def verdict(change: Change) -> Text:
    """ "▲ worse", "≈ within the noise (±2.4 % …)"."""
    sign = sign_of(change)
    told = join((sign, say(f"verdict_of.{change.verdict}")), "list.space")
    return say("tally.with_reasons", text=told, reasons=safe(change.reason, 200)) if change.reason else told


def name(scan: Scan, change: Change) -> Words:
    """The metric, the sites with the metric of theirs that changed, or the rule with its place."""
    if change.kind == "total":
        return metric_title(scan, change.name)
    if change.kind == "site":
        place = safe(change.where or change.name, 120) or say("site.root")
        is_number = change.name in scan.metrics and change.name != change.where
        return join((place, metric_title(scan, change.name)), "list.dot") if is_number else place
    return join((safe(change.name, 40), safe(change.where, 120) or say("series.model")), "list.space")
