"""A finding of some of the places where its rule fired."""

from __future__ import annotations

from dataclasses import replace

from attnprobe.name_patterns import common_pattern
from attnprobe.records import Finding, Instance, Text

_COLON = {"zh": "："}


def narrowed(finding: Finding, places: tuple[Instance, ...], title: Text) -> Finding:
    """The finding of the given places alone, worst first; itself when they are all of them.

    The sentence was written for the worst place. Where that one is gone and its numbers with it, the rule's
    title stands instead: the numbers of the others are in their evidence. The savings are dropped, since they
    were modelled over all places.

    Args:
        finding: With all of its places.
        places: Some of them.
        title: Of the rule, by language.
    """
    sites = tuple(dict.fromkeys(place.site for place in places if place.site))
    if len(places) == len(finding.instances) or set(sites) == set(finding.sites):
        return finding
    where = common_pattern(sites) if sites else ""
    worst = places[0]
    before = finding.instances[0] if finding.instances else worst
    has_same_numbers = (worst.evidence, worst.heads) == (before.evidence, before.heads)

    def said(text: str, language: str) -> str:
        if not has_same_numbers:
            return f"{where}{_COLON.get(language, ': ')}{title.get(language, finding.name)}"
        text = text.replace(finding.where, where) if finding.where else text
        return text.replace(before.site, worst.site, 1) if text.startswith(before.site) else text

    return replace(
        finding,
        sites=sites,
        where=where,
        instances=places if finding.instances else (),
        heads=worst.heads,
        evidence=worst.evidence,
        location=worst.location or finding.location,
        message=said(finding.message, "en"),
        messages={language: said(text, language) for language, text in finding.messages.items()},
        formula=finding.formula if has_same_numbers else "",
        savings=(),
    )
