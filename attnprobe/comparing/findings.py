"""The findings, before and after, by fingerprint."""

from __future__ import annotations

from collections.abc import Iterator

from attnprobe.comparing.directions import relative_change
from attnprobe.records import Change, Finding, Scan, Verdict


def finding_changes(base: Scan | None, head: Scan) -> Iterator[Change]:
    """New ones first, then those that are gone, then those that stayed, with the number of their places."""
    before = {} if base is None else _places(base)
    after = _places(head)
    for key in after:
        if key not in before:
            yield _change(after[key][0], None, after[key][1], "added")
    for key in before:
        if key not in after:
            yield _change(before[key][0], before[key][1], None, "removed")
    for key in after:
        if key in before:
            old, new = before[key][1], after[key][1]
            verdict: Verdict = "same" if old == new else "better" if new < old else "worse"
            yield _change(after[key][0], old, new, verdict)


def _places(scan: Scan) -> dict[str, tuple[Finding, int]]:
    """Fingerprint -> finding and in how many places. What is decided to be lived with is there, too."""
    kept = (*scan.findings, *(ignored.finding for ignored in scan.ignored))
    found: dict[str, tuple[Finding, int]] = {}
    for finding in kept:
        if finding.fingerprint not in found:
            found[finding.fingerprint] = (finding, 0)
        first, count = found[finding.fingerprint]
        found[finding.fingerprint] = (first, count + max(len(finding.instances), len(finding.sites), 1))
    return found


def _change(finding: Finding, base: int | None, head: int | None, verdict: Verdict) -> Change:
    return Change(
        kind="finding",
        name=finding.rule,
        where=finding.where or ", ".join(finding.sites[:1]),
        base=base,
        head=head,
        relative=None if base is None or head is None else relative_change(base, head),
        verdict=verdict,
    )
