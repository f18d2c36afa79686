"""The health of attention in a few lines: the metrics marked as headline, and where their extremes are."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table

from attnprobe.records import Scan, Topic
from attnprobe.report.parts.catalogue import Words, both, join, say
from attnprobe.report.parts.names import metric_title, shown
from attnprobe.report.parts.readings import headlines, is_doubtful, reading, values, where
from attnprobe.report.parts.sites import site_groups
from attnprobe.report.summary.blocks import Voice

LINES_SHOWN = 8
GROUPS_SHOWN = 3


def has_health(scan: Scan) -> bool:
    """Whether there is anything to show."""
    return bool(headlines(scan, 1))


def health_table(scan: Scan, voice: Voice) -> RenderableType:
    """One line per headline metric: its median in each group, its extremes and where they are."""
    lines = headlines(scan, LINES_SHOWN)
    is_random = any(is_doubtful(scan, name) for _, name in lines)
    title = voice.text(say("term.health_random" if is_random else "term.health"), "bold")
    draw = _stacked if voice.is_narrow else _side_by_side
    return Group(title, draw(scan, voice, lines))


def _side_by_side(scan: Scan, voice: Voice, lines: tuple[tuple[Topic, str], ...]) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(ratio=3, overflow="fold")
    table.add_column(ratio=2, overflow="fold")
    table.add_column(ratio=4, overflow="fold")
    before = None
    for topic, name in lines:
        label = voice.text(say(f"topic.{topic}") if topic != before else "", "dim")
        before = topic
        cells = (voice.text(_title(scan, name)), voice.text(_medians(scan, name)))
        table.add_row(voice.text("  ").append_text(label), *cells, voice.text(_ends(scan, name), "dim"))
    return table


def _stacked(scan: Scan, voice: Voice, lines: tuple[tuple[Topic, str], ...]) -> RenderableType:
    blocks: list[RenderableType] = []
    for _, name in lines:
        blocks.append(voice.text(join((_title(scan, name), _medians(scan, name)), "list.colon")))
        ends = _ends(scan, name)
        blocks += [Padding(voice.text(ends, "dim"), (0, 0, 0, 2))] if both(ends).en else []
    return Group(*blocks)


def _title(scan: Scan, name: str) -> Words:
    title = metric_title(scan, name)
    return say("term.doubtful", title=title) if is_doubtful(scan, name) else title


def _medians(scan: Scan, name: str) -> Words:
    """The model's number, else the median of each group, else of all."""
    total, found = scan.totals.get(name), values(scan, name)
    if total is not None:
        return shown(scan, name, total)
    groups = [(g.letter, [found[s.id] for s in g.sites if s.id in found]) for g in site_groups(scan)]
    known = [(letter, own) for letter, own in groups if own]
    if not 1 < len(known) <= GROUPS_SHOWN:
        whole = reading(found.values())
        return shown(scan, name, whole.median if whole else None)
    readings = ((letter, reading(own)) for letter, own in known)
    return join(tuple(f"{letter} {shown(scan, name, each.median)}" for letter, each in readings if each))


def _ends(scan: Scan, name: str) -> Words:
    found = reading(values(scan, name).values())
    if found is None or found.is_one:
        return ""
    low, high = ((shown(scan, name, end.value), where(end)) for end in (found.low, found.high))
    return say("term.ends", low=low[0], low_place=low[1], high=high[0], high_place=high[1])
