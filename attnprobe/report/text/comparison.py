"""Before and after: a word beside every sign, so that colour is not all that tells it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table

from attnprobe.records import Change, Scan
from attnprobe.report.judged import changes
from attnprobe.report.judged.places import shown_side
from attnprobe.report.parts.catalogue import Words, join, say
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.summary.blocks import Voice
from attnprobe.report.text.findings import entry

ROWS_SHOWN, LINES_SHOWN = 12, 8
ALWAYS = ("flops_forward", "activation_bytes", "kv_cache_bytes_per_token", "forward_ms")

_STYLES = {"worse": "red", "better": "green"}


def comparison_lines(scan: Scan, voice: Voice) -> Iterator[RenderableType]:
    """Totals, sites and findings; what is the same is only counted."""
    if scan.comparison is None:
        return
    totals = changes.comparable_totals(scan)
    rows = changes.telling(totals, first=ALWAYS)[:ROWS_SHOWN]
    same = sum(not changes.is_news(each) for each in totals)
    more = sum(map(changes.is_news, totals)) - sum(map(changes.is_news, rows))
    if rows:
        yield _stacked(scan, voice, rows) if voice.is_narrow else _side_by_side(scan, voice, rows)
    rest = [say("gate.more_changed", count=more)] if more > 0 else []
    rest += [say("gate.same", count=same)] if same else []
    if rest:
        yield voice.text(join(tuple(rest)), "dim")
    for key, kind in (("gate.sites", "site"), ("gate.findings", "finding")):
        yield from _listed(scan, voice, key, kind)
    yield from _obstacles(scan, voice)


def _side_by_side(scan: Scan, voice: Voice, rows: Sequence[Change]) -> RenderableType:
    assert scan.comparison is not None
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False, header_style="")
    table.add_column("", min_width=24, overflow="fold")
    for name in (scan.comparison.base, scan.comparison.head):
        table.add_column(voice.text(shown_side(name, 40), "dim"), justify="right", overflow="fold")
    table.add_column(voice.text(say("column.change"), "dim"), justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for change in rows:
        table.add_row(
            voice.text(changes.name(scan, change)),
            voice.text(changes.value(scan, change, change.base)),
            voice.text(changes.value(scan, change, change.head)),
            voice.text(changes.difference(change)),
            voice.text(changes.verdict(change), _STYLES.get(change.verdict, "dim")),
        )
    return table


def _stacked(scan: Scan, voice: Voice, rows: Sequence[Change]) -> RenderableType:
    assert scan.comparison is not None
    names = join(
        tuple(shown_side(name, 40) for name in (scan.comparison.base, scan.comparison.head)), "list.arrow"
    )
    lines: list[RenderableType] = [voice.text(names, "dim")]
    for change in rows:
        style = _STYLES.get(change.verdict, "")
        lines.append(voice.text(changes.name(scan, change)))
        told = (_before_and_after(scan, change), changes.difference(change), changes.verdict(change))
        lines.append(Padding(voice.text(join(told, "list.space"), style), (0, 0, 0, 2)))
    return Group(*lines)


def _listed(scan: Scan, voice: Voice, key: str, kind: str) -> Iterator[RenderableType]:
    known = changes.of_kind(scan, kind)
    news = [each for each in known if changes.is_news(each)]
    lines = [voice.text(_line(scan, each), _STYLES.get(each.verdict, "")) for each in news[:LINES_SHOWN]]
    rest = len(known) - len(lines)
    lines += [voice.text(say("gate.rest", count=rest), "dim")] if rest and lines else []
    if lines:
        yield entry(voice, voice.text(say(key), "dim"), lines)


def _line(scan: Scan, change: Change) -> Words:
    what = join((changes.verdict(change), changes.name(scan, change)), "list.space")
    return join((what, _before_and_after(scan, change)), "list.colon")


def _before_and_after(scan: Scan, change: Change) -> Words:
    sides = [side for side in (change.base, change.head) if side is not None]
    return join(tuple(changes.value(scan, change, side) for side in sides), "list.arrow")


def _obstacles(scan: Scan, voice: Voice) -> Iterator[RenderableType]:
    """What cannot be compared: metrics by reason, each reason once."""
    assert scan.comparison is not None
    by_reason: dict[str, list[Words]] = {safe(each, 200): [] for each in scan.comparison.reasons}
    for change in changes.of_kind(scan, "total"):
        if change.verdict == "not_comparable":
            by_reason.setdefault(safe(change.reason, 200), []).append(changes.name(scan, change))
    for why, names in list(by_reason.items())[:LINES_SHOWN]:
        few = join(tuple(names[:3]))
        if len(names) > 3:
            few = say("list.and_more", names=few, count=str(len(names) - 3))
        told = join((few, why), "list.colon") if names else why
        yield entry(voice, voice.text(say("gate.not_comparable"), "dim"), [voice.text(told, "dim")])
