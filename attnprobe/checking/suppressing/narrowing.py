"""A finding of some of the places where its rule fired."""

from __future__ import annotations

from dataclasses import replace

from attnprobe.name_patterns import common_pattern
from attnprobe.records import Finding, Instance


def narrowed(finding: Finding, places: tuple[Instance, ...]) -> Finding:
    """The finding of the given places alone, worst first; itself when they are all of them.

    The sentence names the places that are left and keeps the numbers of the place it was written for. The
    savings are dropped: they were modelled over all places.
    """
    sites = tuple(dict.fromkeys(place.site for place in places if place.site))
    if len(places) == len(finding.instances) or set(sites) == set(finding.sites):
        return finding
    where = common_pattern(sites) if sites else ""
    worst = places[0]

    def renamed(text: str) -> str:
        return text.replace(finding.where, where) if finding.where else text

    return replace(
        finding,
        sites=sites,
        where=where,
        instances=places if finding.instances else (),
        heads=worst.heads,
        evidence=worst.evidence,
        location=worst.location or finding.location,
        message=renamed(finding.message),
        messages={language: renamed(text) for language, text in finding.messages.items()},
        savings=(),
    )
