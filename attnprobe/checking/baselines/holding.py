"""Findings held against a baseline: new, known, worsened; and what the baseline holds in vain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

from attnprobe.checking.baselines.baseline_file import Baseline, Entry
from attnprobe.checking.baselines.making import count_of, exact_evidence, header_of
from attnprobe.errors import BaselineError
from attnprobe.records import Finding, Ignored, Number, RuleOutcome, Scan

TOLERANCE = 1e-9  # relative: what the order of a sum may change in an exact number
_WORKLOAD = ("inputs", "mode", "device", "dtype", "depth")  # numbers of another workload are not compared


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What came of holding findings against a baseline."""

    findings: tuple[Finding, ...]  # with their state; only new and worsened ones block
    stale: tuple[Entry, ...]  # entries that no finding answers to any more
    notices: tuple[str, ...]  # "the baseline is of other inputs: …"


def held_against(
    scan: Scan,
    findings: Sequence[Finding],
    baseline: Baseline,
    allow_mismatch: bool = False,
    *,
    ignored: Iterable[Ignored] = (),
    outcomes: Iterable[RuleOutcome] = (),
    ruleset: str = "",
) -> Held:
    """Mark each finding as new, known or worsened.

    Worse is: in more places, or an exact number of its evidence further beyond its limit.

    Args:
        scan: In which they were found.
        findings: Those that nobody ignored.
        baseline: What is known.
        allow_mismatch: Take a baseline of something else; numbers of another workload are left alone then.
        ignored: Findings that somebody ignores: their entries are not stale.
        outcomes: Of the rules: where one did not run, or could not be measured, its entries are not stale.
            () where that is not known.
        ruleset: Hash of the rules in force, where the scan does not carry it yet.

    Raises:
        BaselineError: The baseline is of something else; names the keys that differ.
    """
    differing = _differing(scan, baseline, ruleset)
    if differing and not allow_mismatch:
        name, ours, theirs = differing[0]
        also = f" (also: {', '.join(key for key, _, _ in differing[1:])})" if len(differing) > 1 else ""
        raise BaselineError(
            f"the baseline is of another {name}: {theirs or 'none'}; this scan has {ours or 'none'}{also}",
            hint="`attnprobe baseline update` takes this scan; --allow-mismatch compares all the same.",
        )
    entries = {entry.fingerprint: entry for entry in baseline.entries}
    has_same_numbers = not any(key in _WORKLOAD for key, _, _ in differing)
    marked = tuple(_marked(scan, each, entries, has_same_numbers) for each in findings)
    answered = {each.fingerprint for each in marked} | {each.finding.fingerprint for each in ignored}
    silent = _silent(outcomes)
    stale = tuple(
        entry
        for entry in baseline.entries
        if entry.fingerprint not in answered and (silent is None or entry.rule in silent)
    )
    return Held(findings=marked, stale=stale, notices=tuple(_notice(*each) for each in differing))


def stale_text(entry: Entry) -> str:
    """How an entry is named to a reader."""
    return f"{entry.rule} {entry.where or 'of the model'} ({entry.fingerprint})"


def is_worse(finding: Finding, name: str, before: Number, after: Number) -> bool:
    """Whether a number moved further into the state that the rule finds, by more than rounding."""
    margin = TOLERANCE * max(abs(before), abs(after))
    ways = {limit.comparison[0] for limit in finding.limits if limit.metric == name}
    return (">" in ways and after > before + margin) or ("<" in ways and after < before - margin)


def _marked(scan: Scan, finding: Finding, entries: dict[str, Entry], has_same_numbers: bool) -> Finding:
    entry = entries.get(finding.fingerprint)
    if entry is None:
        return replace(finding, state="new")
    numbers = exact_evidence(scan, finding) if has_same_numbers else {}
    worse = count_of(finding) > entry.count or any(
        is_worse(finding, name, entry.metrics[name], value)
        for name, value in numbers.items()
        if name in entry.metrics
    )
    if worse:
        return replace(finding, state="worsened")
    return replace(finding, state="known", is_blocking=False)


def _differing(scan: Scan, baseline: Baseline, ruleset: str) -> list[tuple[str, str, str]]:
    """(key, of this scan, of the baseline) for every key of the header that differs."""
    ours = asdict(header_of(scan))
    ours["ruleset"] = ruleset or ours["ruleset"]
    theirs = asdict(baseline.header)
    return [(key, ours[key], theirs[key]) for key in ours if ours[key] != theirs[key]]


def _silent(outcomes: Iterable[RuleOutcome]) -> set[str] | None:
    """Rules that ran everywhere: of them alone it can be said that something is gone."""
    known = tuple(outcomes)
    if not known:
        return None
    return {each.rule for each in known if each.outcome != "not_measured" and not each.partly}


def _notice(key: str, ours: str, theirs: str) -> str:
    return f"the baseline is of another {key}: {theirs or 'none'}; this scan has {ours or 'none'}"
