"""What a replacement would save by its formulas, and what a remedy that was tried did save."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attnprobe.records import Finding, Number, Remedy, Replacement, Saving, Scan
from attnprobe.suggesting.modelling.formulas import Facts, Unknown, number, put_in

_Site = tuple[Number, Number, str]  # before, after, formula with the numbers put in


def modelled(scan: Scan, replacement: Replacement, sites: Sequence[Facts]) -> Iterator[Saving]:
    """One saving per metric that the scan has and that would change. What would cost more is negative."""
    for metric, formula in replacement.costs.items():
        found = [each for facts in sites if (each := _at(metric, formula, facts)) is not None]
        before, total = sum(each[0] for each in found), scan.totals.get(metric)
        amount = before - sum(each[1] for each in found)
        if len(found) < len(sites) or not before or not total or not amount:
            continue
        yield Saving(
            remedy=replacement.name,
            metric=metric,
            amount=amount,
            local=amount / before,
            of_model=amount / total,
            status="modelled",
            formula=_written(found, amount),
        )


def measured(scan: Scan, finding: Finding, name: str) -> Iterator[Saving]:
    """What trying a remedy on a copy of the model took off numbers that the finding holds to be too large."""
    too_large = {limit.metric for limit in finding.limits if limit.comparison in (">", ">=")}
    for remedy in trials(scan, finding, name):
        if remedy.metric in too_large:
            yield from _of_remedy(remedy, name)


def trials(scan: Scan, finding: Finding, name: str) -> Iterator[Remedy]:
    """The trials of a remedy on a copy of the model that read a number of the finding, at its sites."""
    read = {*finding.evidence, *(limit.metric for limit in finding.limits)}
    for remedy in scan.remedies:
        is_meant = _plain(remedy.name) == _plain(name) and remedy.metric in read
        is_here = not remedy.site or not finding.sites or remedy.site in finding.sites
        if is_meant and is_here and remedy.before is not None and remedy.after is not None:
            yield remedy


def _at(metric: str, formula: str, facts: Facts) -> _Site | None:
    before = facts.get(metric)
    if isinstance(before, str | bool) or before is None:
        return None
    try:
        return before, number(formula, facts), put_in(formula, facts)
    except Unknown:
        return None


def _written(found: Sequence[_Site], amount: Number) -> str:
    """ "2 · (before - after) = amount" for sites that are alike, else the first and how many there are."""
    before, _, after = found[0]
    difference = f"{before} - ({after})"
    if len(found) == 1:
        return f"{difference} = {amount}"
    if len(set(found)) == 1:
        return f"{len(found)} · ({difference}) = {amount}"
    return f"{difference}, and so for {len(found)} sites, in all {amount}"


def _of_remedy(remedy: Remedy, name: str) -> Iterator[Saving]:
    if remedy.before is None or remedy.after is None or not remedy.before or remedy.before == remedy.after:
        return
    amount = remedy.before - remedy.after
    share = amount / remedy.before
    yield Saving(
        remedy=name,
        metric=remedy.metric,
        amount=amount,
        local=share,
        of_model=share,
        status="measured",
        formula=f"{remedy.before:.4g} - {remedy.after:.4g} = {amount:.4g}",
    )


def _plain(name: str) -> str:
    return name.replace("-", "_").lower()
