"""The attention sites by groups: a row each, which opens to facts, costs, all numbers and sites."""

from __future__ import annotations

from dataclasses import dataclass

from attnprobe.records import AttentionSite, Scan
from attnprobe.report.page.breakdown import core_work, forward_split
from attnprobe.report.page.elements import Bar, Column, Fact, Table, rows_left_out
from attnprobe.report.page.facts import facts
from attnprobe.report.page.instances import head_table, instance_table, metric_table
from attnprobe.report.parts import describe as of
from attnprobe.report.parts.catalogue import Text, Words, say
from attnprobe.report.parts.names import metric_title, shown
from attnprobe.report.parts.quantities import count, percent
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.parts.sites import SiteGroup, share, site_groups, total

Sites = tuple[AttentionSite, ...]

CELLS = ("flops_forward", "activation_bytes", "kv_cache_bytes_per_token", "forward_ms")
GROUPS_AT_A_GLANCE = 6
GROUPS_OPEN = 40  # with all their details
GROUPS_LISTED = 460  # one line each
INSTANCES_LISTED = 500  # over all groups of the page


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A number of a group's row."""

    label: Words
    value: str
    share: str  # of the model; "" when not known
    width: str  # of the bar under it


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One row and what it opens to."""

    anchor: str
    letter: str
    name: Words
    times: str  # "×12", "" for a single site
    description: Text
    short: tuple[Words, ...]  # heads, lengths, kernel
    cells: tuple[Cell, ...]
    facts: tuple[Fact, ...]
    split: Bar | None
    work: tuple[Bar, ...]
    metrics: Table
    heads: Table | None
    instances: Table | None  # where the sites differ
    same: tuple[str, ...]  # their names, where they do not
    same_note: Words
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """The section."""

    groups: tuple[Group, ...]
    has_filter: bool  # so many groups that a reader wants to search them
    rest: Table | None  # the groups that have no row of their own


def attention(scan: Scan) -> Attention:
    """All groups, the costliest first."""
    known = site_groups(scan)
    rows, left = [], INSTANCES_LISTED
    for group in known[:GROUPS_OPEN]:
        rows.append(_group(scan, group, left))
        left = max(left - len(group.sites), 0)
    return Attention(
        groups=tuple(rows), has_filter=len(rows) > GROUPS_AT_A_GLANCE, rest=_rest(scan, known[GROUPS_OPEN:])
    )


def _group(scan: Scan, group: SiteGroup, limit: int) -> Group:
    sites, site = group.sites, group.sites[0]
    instances = instance_table(scan, sites, limit) if len(sites) > 1 else None
    return Group(
        anchor=f"group-{group.letter}",
        letter=group.letter,
        name=group.name,
        times=group.times,
        description=of.description(site),
        short=_short(site),
        cells=tuple(_cell(scan, metric, sites) for metric in _cell_metrics(scan)),
        facts=facts(sites),
        split=forward_split(scan, sites),
        work=core_work(scan, sites),
        metrics=metric_table(scan, sites),
        heads=head_table(scan, site),
        instances=instances,
        same=tuple(safe(each.id) for each in sites[:limit]) if len(sites) > 1 and not instances else (),
        same_note=rows_left_out(min(limit, len(sites)), len(sites)),
        notes=tuple(safe(note) for note in dict.fromkeys(note for each in sites for note in each.notes)),
    )


def _short(site: AttentionSite) -> tuple[Words, ...]:
    heads = say("short.heads", heads=of.heads(site), dim=count(site.head_dim))
    return (heads, of.lengths(site), of.kernel(site))


def _cell_metrics(scan: Scan) -> tuple[str, ...]:
    known = {name for site in scan.sites for name, value in site.metrics.items() if value is not None}
    return tuple(name for name in CELLS if name in known)


def _cell(scan: Scan, metric: str, sites: Sites) -> Cell:
    part = share(sites, metric, scan)
    return Cell(
        label=metric_title(scan, metric),
        value=shown(scan, metric, total(sites, metric)),
        share=percent(part) if part is not None else "",
        width=f"{min(part or 0, 1) * 100:.2f}%",
    )


def _rest(scan: Scan, groups: tuple[SiteGroup, ...]) -> Table | None:
    if not groups:
        return None
    metrics = _cell_metrics(scan)
    rows: tuple[tuple[Words, ...], ...] = tuple(
        (
            group.letter,
            group.name,
            count(len(group.sites)),
            of.title(group.sites[0]),
            of.heads(group.sites[0]),
            *(shown(scan, metric, total(group.sites, metric)) for metric in metrics),
        )
        for group in groups[:GROUPS_LISTED]
    )
    columns = (
        Column(say("column.group"), "tag"),
        Column(say("column.where"), "code"),
        Column(say("column.sites"), "number"),
        Column(say("column.what")),
        Column(say("fact.heads"), "number"),
        *(Column(metric_title(scan, metric), "number") for metric in metrics),
    )
    note = rows_left_out(len(rows), len(groups))
    return Table(caption=say("groups.rest"), columns=columns, rows=rows, note=note)
