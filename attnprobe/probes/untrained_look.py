"""Whether the attention looks as if it had never been trained: rules about redundancy wait then."""

from __future__ import annotations

from math import isnan
from typing import Any

from attnprobe.probes.entropy import UNIFORM
from attnprobe.records import Measurement, Metric, NotMeasured, Probe, ProbeResult, Subject

_ALIKE = 0.2
_MOST = 0.5

METRICS = (
    Metric(
        name="untrained_look",
        title="Whether the attention looks untrained",
        unit="1",
        level="model",
        exactness="sampled",
        method=f"1 where more than half of all heads spread evenly (normalised entropy above {UNIFORM}) and "
        f"in no way that another head of their layer shares (map correlation below {_ALIKE} with each of "
        "them); else 0. Heads without such numbers do not count.",
        source="Measured on a trained sentence encoder (no head) and its untrained twin (all heads).",
        not_said="That it is untrained: queries and keys that are far too small look the same. Weights drawn "
        "with a large deviation do not look untrained.",
        topic="heads",
        # Freshly drawn weights attend evenly whatever the tokens are, trained ones hardly ever do.
        needs_data=False,
        labels=("trained", "untrained"),
    ),
)


def _run(subject: Subject) -> ProbeResult:
    entropies, similarities = (subject.watched.get(name) for name in ("entropy", "head_similarity"))
    if entropies is None or similarities is None:
        return _gap("it needs the probes entropy and head_similarity")
    fresh = [
        is_fresh
        for index in range(len(subject.trace.sites))
        for is_fresh in _fresh_heads(entropies, similarities, index)
    ]
    if not fresh:
        return _gap("the entropy of no head is known")
    value = int(sum(fresh) > _MOST * len(fresh))
    return ProbeResult(measurements=(Measurement(metric="untrained_look", site="", value=value),))


def _gap(reason: str) -> ProbeResult:
    return ProbeResult(not_measured=(NotMeasured(metric="untrained_look", site="", reason=reason),))


def _fresh_heads(entropies: Any, similarities: Any, index: int) -> list[bool]:
    """Of every head of a site with an entropy: whether it looks untrained."""
    from attnprobe.probes.heads.similarity import map_correlation

    if entropies.reason(index):
        return []
    found = map_correlation(similarities.sums, index)
    rows = [] if isinstance(found, str) else found.tolist()
    alike = [
        max((value for other, value in enumerate(row) if other != head and not isnan(value)), default=0.0)
        for head, row in enumerate(rows)
    ]
    normalised = entropies.mean(index, "normalised").flatten().tolist()
    return [
        value > UNIFORM and (head >= len(alike) or alike[head] < _ALIKE)
        for head, value in enumerate(normalised)
        if not isnan(value)
    ]


probe = Probe(
    name="untrained_look",
    depth="measured",
    metrics=METRICS,
    run=_run,
    after=("entropy", "head_similarity"),
)
