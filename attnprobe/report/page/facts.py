"""The fact sheet of a group: what its sites are, before any number of cost."""

from __future__ import annotations

from attnprobe.records import AttentionSite
from attnprobe.report.page.elements import Fact
from attnprobe.report.parts import describe as of
from attnprobe.report.parts.catalogue import Words, join, say, say_or
from attnprobe.report.parts.quantities import UNKNOWN, count, plain
from attnprobe.report.parts.safe_text import safe


def facts(sites: tuple[AttentionSite, ...]) -> tuple[Fact, ...]:
    """The fact sheet of a group: that of its first site, with the lines of all."""
    site = sites[0]
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
