"""The attention sites by groups: a row each, which opens to facts, costs, all numbers and sites."""

from __future__ import annotations

from dataclasses import dataclass

from attnprobe.records import AttentionSite, Scan
from attnprobe.report.page.elements import Bar, Column, Fact, Fill, Slice, Table, rows_left_out, stacked
from attnprobe.report.page.instances import head_table, instance_table, metric_table
from attnprobe.report.parts import sites as of
from attnprobe.report.parts.catalogue import Text, Words, join, say, say_or
from attnprobe.report.parts.names import metric_title, shown
from attnprobe.report.parts.quantities import UNKNOWN, count, percent, plain
from attnprobe.report.parts.safe_text import safe
from attnprobe.report.parts.sites import SiteGroup, site_groups

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
        facts=_facts(site, sites),
        split=_split(scan, sites),
        work=_work(scan, sites),
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
    share = of.share(sites, metric, scan)
    return Cell(
        label=metric_title(scan, metric),
        value=shown(scan, metric, of.total(sites, metric)),
        share=percent(share) if share is not None else "",
        width=f"{min(share or 0, 1) * 100:.2f}%",
    )


def _facts(site: AttentionSite, sites: Sites) -> tuple[Fact, ...]:
    locations = dict.fromkeys(str(each.location) for each in sites if each.location)
    value_dim = "" if site.value_dim == site.head_dim else say("fact.value_dim", size=count(site.value_dim))
    batch = say("fact.windows", count=count(site.windows)) if site.windows > 1 else ""
    return (
        Fact(say("fact.mechanism"), join((of.kind(site), _normaliser(site)))),
        Fact(say("fact.class"), safe(site.module_class) or UNKNOWN, is_code=True),
        Fact(
            say("fact.heads"),
            of.heads(site),
            say("fact.heads_note") if site.num_heads != site.num_kv_heads else "",
        ),
        Fact(say("fact.head_dim"), count(site.head_dim), value_dim),
        Fact(say("fact.lengths"), of.lengths(site), batch),
        Fact(say("fact.batch"), count(site.batch)),
        Fact(say("fact.mask"), of.mask(site)),
        Fact(say("fact.scale"), of.scale(site)),
        Fact(say("fact.dropout"), plain(site.dropout)),
        Fact(say("fact.kernel"), safe(site.kernel) or UNKNOWN, is_code=True),
        Fact(say("fact.location"), safe(", ".join(locations)) or UNKNOWN, _function(site), is_code=True),
        *(_projection(role, site) for role in _roles(site)),
    )


def _normaliser(site: AttentionSite) -> Words:
    return say_or(f"normaliser.{site.normaliser}", safe(site.normaliser))


def _function(site: AttentionSite) -> Words:
    return say("fact.function", name=safe(site.location.function)) if site.location else ""


def _roles(site: AttentionSite) -> tuple[str, ...]:
    usual = ("query", "key", "value", "output")
    return (
        *(role for role in usual if role in site.projections),
        *sorted(set(site.projections) - set(usual)),
    )


def _projection(role: str, site: AttentionSite) -> Fact:
    rows = site.projection_rows.get(role, ())
    if list(site.projections.values()).count(site.projections[role]) == 1 and all(r[0] == 0 for r in rows):
        rows = ()  # the whole parameter
    cut = ", ".join(f"{start}:{stop}" + (f":{step}" if step != 1 else "") for start, stop, step in rows[:4])
    title = say("fact.projection", role=say_or(f"projection.{role}", safe(role)))
    return Fact(title, safe(site.projections[role]), say("fact.rows", rows=cut) if cut else "", is_code=True)


def _split(scan: Scan, sites: Sites) -> Bar | None:
    fills: dict[str, Fill] = {"flops_scores": "solid", "flops_values": "tint", "flops_projections": "hatch"}
    parts = {name: of.total(sites, name) for name in fills}
    whole = sum(value or 0 for value in parts.values())
    if not whole or None in parts.values():
        return None
    slices = [
        Slice(metric_title(scan, name), shown(scan, name, value), (value or 0) / whole, fills[name])
        for name, value in parts.items()
    ]
    return stacked(say("split.title"), shown(scan, "flops_forward", whole), slices)


def _work(scan: Scan, sites: Sites) -> tuple[Bar, ...]:
    """Nominal, useful and executed FLOPs of the core, on one scale."""
    values = {name: of.total(sites, name) for name in ("flops_core", "flops_useful", "flops_executed")}
    most = max((value for value in values.values() if value is not None), default=0)
    if not most or None in values.values():
        return ()
    return tuple(
        stacked(
            metric_title(scan, name),
            shown(scan, name, value),
            [Slice("", "", (value or 0) / most, "solid")],
            has_legend=False,
        )
        for name, value in values.items()
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
            *(shown(scan, metric, of.total(group.sites, metric)) for metric in metrics),
        )
        for group in groups[:GROUPS_LISTED]
    )
    columns = (
        Column(say("column.group")),
        Column(say("column.where"), "code"),
        Column(say("column.sites"), "number"),
        Column(say("column.what")),
        Column(say("fact.heads"), "number"),
        *(Column(metric_title(scan, metric), "number") for metric in metrics),
    )
    note = rows_left_out(len(rows), len(groups))
    return Table(caption=say("groups.rest"), columns=columns, rows=rows, note=note)
