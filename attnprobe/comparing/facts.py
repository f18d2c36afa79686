"""What became of the model and of each of its sites, as flat facts for the rules about change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import log

from attnprobe.change_facts import CHANGE_FACTS, GROWTHS, TIMES
from attnprobe.comparing.aligning import Pair, aligned
from attnprobe.comparing.obstacles import Obstacles, missing_reason
from attnprobe.comparing.sites import is_fused
from attnprobe.records import AttentionSite, Comparison, Metric, Number, Scan

Fact = Number | str | bool | None
_FACTOR, _CLUSTERS, _UNTRAINED = "value_output_gradient_factor", "head_clusters", "untrained_look"


@dataclass(frozen=True, slots=True)
class ChangeSubject:
    """What a rule of level "change" looks at."""

    site: AttentionSite | None  # None: the whole model; as it is in the head, or was in the base
    facts: Mapping[str, Fact]  # every name of CHANGE_FACTS
    reasons: Mapping[str, str] = field(default_factory=dict)  # name -> why it is None


def change_subjects(comparison: Comparison, base: Scan | None, head: Scan) -> tuple[ChangeSubject, ...]:
    """The whole model, then every site of the two versions, aligned.

    Without a base there is nothing to judge: no subjects.
    """
    if base is None:
        return ()
    obstacles = Obstacles(base, head)
    gathered = _Gathered()
    for stem, metric in GROWTHS.items():
        _add_growth(gathered, stem, metric, base, head, obstacles)
    _add_times(gathered, comparison)
    _add_counts(gathered, base, head)
    _add_gradients(gathered, base, head, obstacles)
    _add_redundancy(gathered, base, head, obstacles)
    pairs = aligned(base.sites, head.sites)
    return (gathered.subject(None), *(_of_site(pair, gathered, obstacles) for pair in pairs))


@dataclass(slots=True)
class _Gathered:
    """Facts so far, and why others are missing."""

    facts: dict[str, Fact] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def miss(self, names: Iterable[str], reason: str) -> None:
        self.reasons.update(dict.fromkeys(names, reason))

    def subject(self, site: AttentionSite | None, facts: Mapping[str, Fact] | None = None) -> ChangeSubject:
        return ChangeSubject(
            site, {**dict.fromkeys(CHANGE_FACTS), **self.facts, **(facts or {})}, dict(self.reasons)
        )


def _add_growth(
    gathered: _Gathered, stem: str, metric: str, base: Scan, head: Scan, obstacles: Obstacles
) -> None:
    names = (f"{stem}_growth", f"{stem}_before", f"{stem}_after")
    before, after = base.totals.get(metric), head.totals.get(metric)
    reason = _why_not(metric, base, head, obstacles, before, after)
    if reason or before is None or after is None:
        gathered.miss(names, reason)
        return
    if before == 0 and after != 0:
        gathered.miss(names[:1], "it was 0 before")
    growth = (after - before) / before if before else None if after else 0.0
    gathered.facts.update(zip(names, (growth, before, after), strict=True))


def _why_not(
    metric: str, base: Scan, head: Scan, obstacles: Obstacles, before: Number | None, after: Number | None
) -> str:
    if before is None:
        return missing_reason(base, metric, "the base")
    if after is None:
        return missing_reason(head, metric, "the head")
    known: Metric | None = head.metrics.get(metric)
    return obstacles.of(known) if known else "the head does not say what it is"


def _add_times(gathered: _Gathered, comparison: Comparison) -> None:
    paired = {times.metric: times for times in comparison.times}
    for stem, metric in TIMES.items():
        names = (f"{stem}_ratio", f"{stem}_ratio_low", f"{stem}_ratio_high")
        if metric in paired:
            times = paired[metric]
            gathered.facts.update(zip(names, (times.ratio, times.low, times.high), strict=True))
            gathered.facts["time_pairs"] = len(times.base_ms)
        else:
            gathered.miss((*names, "time_pairs"), "times are only compared in paired runs: --time paired")


def _add_counts(gathered: _Gathered, base: Scan, head: Scan) -> None:
    for scan, when in ((base, "before"), (head, "after")):
        gathered.facts[f"sites_{when}"] = len(scan.sites)
        gathered.facts[f"blind_spots_{when}"] = len(scan.blind_spots)


def _add_gradients(gathered: _Gathered, base: Scan, head: Scan, obstacles: Obstacles) -> None:
    names = ("gradient_factor_before", "gradient_factor_after", "gradient_decay")
    before, after = base.totals.get(_FACTOR), head.totals.get(_FACTOR)
    reason = _why_not(_FACTOR, base, head, obstacles, before, after)
    if reason or before is None or after is None:
        gathered.miss(names, reason)
        return
    decay = abs(log(after)) - abs(log(before)) if before > 0 and after > 0 else None
    if decay is None:
        gathered.miss(names[2:], "a gradient is exactly zero")
    gathered.facts.update(zip(names, (before, after, decay), strict=True))


def _add_redundancy(gathered: _Gathered, base: Scan, head: Scan, obstacles: Obstacles) -> None:
    names = ("redundant_heads_before", "redundant_heads_after")
    metric = head.metrics.get(_CLUSTERS)
    reason = obstacles.of(metric) if metric else missing_reason(head, _CLUSTERS, "the head")
    counts = [_redundant(scan) for scan in (base, head)]
    for count, scan, which in zip(counts, (base, head), ("the base", "the head"), strict=True):
        if count is None and not reason:
            reason = missing_reason(scan, _CLUSTERS, which)
    if not reason and 1 in (base.totals.get(_UNTRAINED), head.totals.get(_UNTRAINED)):
        reason = "the weights look untrained"
    if reason:
        gathered.miss(names, reason)
    else:
        gathered.facts.update(zip(names, counts, strict=True))


def _redundant(scan: Scan) -> int | None:
    """Heads that could go if every cluster kept one; None where no site has clusters."""
    known = [(s.num_heads, s.metrics[_CLUSTERS]) for s in scan.sites if s.metrics.get(_CLUSTERS) is not None]
    return sum(heads - int(clusters or 0) for heads, clusters in known) if known else None


def _of_site(pair: Pair, gathered: _Gathered, obstacles: Obstacles) -> ChangeSubject:
    before, after = pair.base, pair.head
    facts: dict[str, Fact] = {
        "site": pair.site.id,
        "site_lost": after is None,
        "site_added": before is None,
        "kernel_before": before.kernel if before else None,
        "kernel_after": after.kernel if after else None,
    }
    reason = obstacles.kernels
    if before and after and not reason:
        facts["kernel_lost"] = is_fused(before.kernel) and not is_fused(after.kernel)
    elif not reason:
        facts["kernel_lost"] = False  # a site that came or went lost no kernel
    site = pair.site if after else replace(pair.site, location=None, lines={})  # its line is the base's
    subject = gathered.subject(site, facts)
    if not reason:
        return subject
    return ChangeSubject(subject.site, subject.facts, {**subject.reasons, "kernel_lost": reason})
