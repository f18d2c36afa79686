"""Findings that somebody decided to live with, told apart from those that nobody did."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from attnprobe.checking.settings import names_rule, site_matcher
from attnprobe.checking.suppressing.narrowing import narrowed
from attnprobe.checking.suppressing.uses import IgnoreUse, NamedRule, use_of
from attnprobe.records import Finding, Ignored, IgnoreEntry, Instance, RuleOutcome

NOTICE_DAYS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppressed:
    """What came of the ignores."""

    kept: tuple[Finding, ...]
    ignored: tuple[Ignored, ...]
    uses: tuple[IgnoreUse, ...]  # one per entry and rule of it
    notices: tuple[str, ...]


def suppress(
    findings: Sequence[Finding],
    ignores: Sequence[IgnoreEntry],
    today: str,
    *,
    rules: Iterable[NamedRule] = (),
    outcomes: Iterable[RuleOutcome] = (),
    max_days: int | None = None,
) -> Suppressed:
    """Take away the findings, and the places of findings, that an ignore in force covers.

    An entry covers a place when one of its codes names the rule (id, name or prefix), its glob the site, and,
    of an inline entry, its lines the line of the finding. The first entry that covers a place takes it. One
    that has ended, or that lasts longer than `max_days` allows, covers nothing.

    Args:
        findings: With their instances.
        ignores: Of the configuration and of comments.
        today: "2026-11-21". The last day of an ignore is still part of it.
        rules: All that there are, chosen or not, or their cards; () where that is not known.
        outcomes: Of the rules that ran; () where that is not known. Of a rule that did not run, or could not
            be measured, nobody can say that an ignore of it is unused.
        max_days: The longest that an ignore may last from today.
    """
    day = date.fromisoformat(today)
    matchers = [_Matcher(entry) for entry in ignores]
    in_force = [each for each in matchers if not _is_over(each.entry, day, max_days)]
    cards = tuple(rules)
    titles = {card.id: card.title for card in cards}
    kept: list[Finding] = []
    ignored: list[Ignored] = []
    for finding in findings:
        live, taken = _parted(finding, in_force)
        title = titles.get(finding.rule, {})
        kept += [narrowed(finding, live, title)] if live else []
        ignored += [_ignored(narrowed(finding, places, title), entry) for entry, places in taken]
    known_outcomes = tuple(outcomes)
    uses = tuple(
        use_of(each.entry, code, each.count(code, findings), day, cards, known_outcomes)
        for each in matchers
        for code in each.entry.rules
    )
    notices = (*_ending(uses), *_overlong(ignores, day, max_days))
    return Suppressed(kept=tuple(kept), ignored=tuple(ignored), uses=uses, notices=notices)


class _Matcher:
    """One entry, ready to be held against places."""

    def __init__(self, entry: IgnoreEntry) -> None:
        self.entry = entry
        self._matches = site_matcher(entry.site)
        self._file = entry.origin.rpartition(":")[0]

    def parted(
        self, finding: Finding, places: Iterable[Instance], codes: Iterable[str]
    ) -> tuple[tuple[Instance, ...], tuple[Instance, ...]]:
        """The places of a finding that the entry does not cover, and those that it does."""
        if not any(names_rule(code, finding.rule, finding.name) for code in codes):
            return tuple(places), ()
        live: list[Instance] = []
        covered: list[Instance] = []
        for place in places:
            (covered if self._covers(finding, place) else live).append(place)
        return tuple(live), tuple(covered)

    def count(self, code: str, findings: Iterable[Finding]) -> int:
        """Places that one of its codes answers to, in force or not."""
        return sum(len(self.parted(each, _places(each), (code,))[1]) for each in findings)

    def _covers(self, finding: Finding, place: Instance) -> bool:
        return self._is_at(finding, place) if self.entry.lines else self._matches(place.site)

    def _is_at(self, finding: Finding, place: Instance) -> bool:
        location = place.location or finding.location
        if location is None or self.entry.lines is None or location.file != self._file:
            return False
        first, last = self.entry.lines
        return first <= (location.end_line or location.line) and location.line <= last


def _parted(
    finding: Finding, matchers: Iterable[_Matcher]
) -> tuple[tuple[Instance, ...], list[tuple[IgnoreEntry, tuple[Instance, ...]]]]:
    """The places that stay live, and for each entry those that it takes."""
    live = _places(finding)
    taken = []
    for matcher in matchers:
        live, covered = matcher.parted(finding, live, matcher.entry.rules)
        if covered:
            taken.append((matcher.entry, covered))
    return live, taken


def _places(finding: Finding) -> tuple[Instance, ...]:
    """Its instances; of a finding without any, its sites, or the model as a whole."""
    return finding.instances or tuple(
        Instance(site=site, heads=finding.heads, evidence=finding.evidence, location=finding.location)
        for site in finding.sites or ("",)
    )


def _ignored(finding: Finding, entry: IgnoreEntry) -> Ignored:
    return Ignored(
        finding=finding, reason=entry.reason, until=entry.until, owner=entry.owner, origin=entry.origin
    )


def _is_over(entry: IgnoreEntry, day: date, max_days: int | None) -> bool:
    if not entry.until:
        return max_days is not None
    left = (date.fromisoformat(entry.until) - day).days
    return left < 0 or (max_days is not None and left > max_days)


def _ending(uses: Iterable[IgnoreUse]) -> tuple[str, ...]:
    found = []
    for use in uses:
        left = use.facts["days_left"]
        if use.facts["findings"] and isinstance(left, int) and 0 <= left <= NOTICE_DAYS:
            when = "today" if left == 0 else f"in {left} day{'s' if left > 1 else ''}"
            said = ": ".join(
                part
                for part in (f"owner {use.entry.owner}" if use.entry.owner else "", use.entry.reason)
                if part
            )
            found.append(
                f"the ignore of {use.code} at {use.entry.origin} ends {when}{f' ({said})' if said else ''}"
            )
    return tuple(found)


def _overlong(ignores: Iterable[IgnoreEntry], day: date, max_days: int | None) -> tuple[str, ...]:
    return tuple(
        f"the ignore of {', '.join(entry.rules)} at {entry.origin} does not hold: "
        f"max-ignore-days is {max_days}, it {f'ends on {entry.until}' if entry.until else 'has no end'}"
        for entry in ignores
        if max_days is not None
        and (not entry.until or (date.fromisoformat(entry.until) - day).days > max_days)
    )
