"""Where the cost is, and the groups of sites: the two tables of the terminal summary."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table

from attnprobe.records import CostShare, Scan
from attnprobe.report.parts import describe as of
from attnprobe.report.parts.catalogue import Words, join, say, say_or
from attnprobe.report.parts.costs import by_metric
from attnprobe.report.parts.names import metric_title, shown
from attnprobe.report.parts.order import part_place
from attnprobe.report.parts.quantities import count, percent
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.parts.sites import SiteGroup, site_groups, total
from attnprobe.report.summary.blocks import Voice

Groups = Sequence[SiteGroup]

GROUPS_SHOWN = 20
METRICS = ("flops_forward", "activation_bytes", "kv_cache_bytes_per_token", "forward_ms")


def cost_table(scan: Scan, voice: Voice) -> RenderableType:
    """What the parts of the model cost: a column per metric, or a paragraph each where it is narrow."""
    found = by_metric(scan)
    parts = sorted({share.part for shares in found.values() for share in shares}, key=part_place)
    title = voice.text(say("strip.title"), "bold")
    if voice.is_narrow:
        lines = [_cost_lines(scan, voice, metric, shares) for metric, shares in found.items()]
        return Group(title, *lines)
    table = _table()
    table.add_column(title, min_width=24)
    for metric in found:
        table.add_column(voice.text(metric_title(scan, metric), "dim"), justify="right", no_wrap=True)
    for part in parts:
        values = [next((each for each in shares if each.part == part), None) for shares in found.values()]
        name = voice.text("  ").append_text(voice.text(_part(part)))
        table.add_row(name, *(voice.text(_cost(scan, each)) for each in values))
    return table


def group_table(scan: Scan, voice: Voice) -> RenderableType:
    """The groups of identical sites, the costliest first."""
    groups = site_groups(scan)
    words = {"sites": say("count.sites", count=count(len(scan.sites)))}
    words["groups"] = say("count.groups", count=count(len(groups)))
    title = voice.text(say("term.groups", **words), "bold")
    metrics = [name for name in METRICS if any(site.metrics.get(name) is not None for site in scan.sites)]
    shown_groups, more = groups[:GROUPS_SHOWN], len(groups) - GROUPS_SHOWN
    draw = _stacked if voice.is_narrow else _side_by_side
    end = [voice.text(say("term.more_groups", count=count(more)), "dim")] if more > 0 else []
    return Group(title, draw(scan, voice, shown_groups, metrics), *end)


def _side_by_side(scan: Scan, voice: Voice, groups: Groups, metrics: list[str]) -> RenderableType:
    names = Table.grid(padding=(0, 2, 0, 0))
    table = _table()
    table.add_column(no_wrap=True)
    for key in ("column.heads_and_width", "fact.lengths"):
        table.add_column(voice.text(say(key), "dim"), justify="right", no_wrap=True)
    table.add_column(voice.text(say("fact.kernel"), "dim"), overflow="fold")
    for metric in metrics:
        table.add_column(voice.text(_short(scan, metric), "dim"), justify="right", no_wrap=True)
    for group in groups:
        site, letter = group.sites[0], voice.text(f"  {group.letter}")
        name = voice.text(join((group.name, group.times), "list.space"))
        names.add_row(letter, name.append("   ").append_text(voice.text(_what(group), "dim")))
        cells = [_heads(group), of.lengths(site), of.kernel(site)]
        cells += [shown(scan, metric, total(group.sites, metric)) for metric in metrics]
        table.add_row(letter, *(voice.text(cell) for cell in cells))
    return Group(names, table)


def _stacked(scan: Scan, voice: Voice, groups: Groups, metrics: list[str]) -> RenderableType:
    lines: list[RenderableType] = []
    for group in groups:
        site = group.sites[0]
        costs = [
            join((_short(scan, name), shown(scan, name, total(group.sites, name))), "list.space")
            for name in metrics
        ]
        shape = join((_heads(group), of.lengths(site), of.kernel(site)), "list.dot")
        lines.append(voice.text(join((f"{group.letter} ", group.name, group.times), "list.space")))
        lines += [Padding(voice.text(words, "dim"), (0, 0, 0, 3)) for words in (_what(group), shape, *costs)]
    return Group(*lines)


def _heads(group: SiteGroup) -> str:
    site = group.sites[0]
    return f"{of.heads(site)} × {count(site.head_dim)}"


def _short(scan: Scan, metric: str) -> Words:
    return say_or(f"short.{metric}", metric_title(scan, metric))


def _what(group: SiteGroup) -> Words:
    site = group.sites[0]
    return of.description(site)


def _cost_lines(scan: Scan, voice: Voice, metric: str, shares: Sequence[CostShare]) -> RenderableType:
    lines: list[RenderableType] = [voice.text(metric_title(scan, metric), "dim")]
    for each in shares:
        words = join((_part(each.part), " ".join(_cost(scan, each).split())), "list.space")
        lines.append(Padding(voice.text(words), (0, 0, 0, 2)))
    return Group(*lines)


def _cost(scan: Scan, share: CostShare | None) -> str:
    if share is None:  # a part that the scan does not list costs nothing
        return "0"
    return f"{shown(scan, share.metric, share.value)}  {percent(share.share):>7}"


def _part(part: str) -> Words:
    return say_or(f"part.{part}", safe(part))


def _table() -> Table:
    return Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False, header_style="")
