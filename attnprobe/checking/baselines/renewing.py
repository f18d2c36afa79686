"""A baseline after its findings changed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from attnprobe.checking.baselines.baseline_file import Baseline, Entry
from attnprobe.checking.baselines.holding import Held, is_worse
from attnprobe.checking.baselines.making import count_of, exact_evidence
from attnprobe.records import Finding, Scan


@dataclass(frozen=True, slots=True)
class Renewal:
    """What a new version of a baseline does to the one before."""

    added: tuple[Entry, ...]
    removed: tuple[Entry, ...]
    changed: tuple[Entry, ...]  # as they are now


def renewal(before: Baseline | None, after: Baseline) -> Renewal:
    """The difference of two baselines."""
    old = {entry.fingerprint: entry for entry in before.entries} if before else {}
    new = {entry.fingerprint: entry for entry in after.entries}
    return Renewal(
        added=tuple(entry for key, entry in new.items() if key not in old),
        removed=tuple(entry for key, entry in old.items() if key not in new),
        changed=tuple(entry for key, entry in new.items() if key in old and entry != old[key]),
    )


def pruned(scan: Scan, baseline: Baseline, held: Held) -> Baseline:
    """The baseline without what is gone, and as tight as the findings are now. Nothing is ever added.

    Args:
        scan: In which the findings were found.
        baseline: Before.
        held: What came of holding the findings against it.
    """
    gone = {entry.fingerprint for entry in held.stale}
    current = {each.fingerprint: each for each in held.findings if each.state != "new"}
    kept = (entry for entry in baseline.entries if entry.fingerprint not in gone)
    entries = tuple(_tightened(scan, entry, current.get(entry.fingerprint)) for entry in kept)
    return replace(baseline, entries=entries)


def _tightened(scan: Scan, entry: Entry, finding: Finding | None) -> Entry:
    if finding is None:
        return entry
    now = exact_evidence(scan, finding)
    metrics = {
        name: now[name] if name in now and not is_worse(finding, name, value, now[name]) else value
        for name, value in entry.metrics.items()
    }
    return replace(entry, count=min(entry.count, count_of(finding)), metrics=metrics)
