"""Whether the attention looks as if it had never been trained: rules about redundancy wait then."""

from __future__ import annotations

from math import isnan
from typing import Any

from attnprobe.probes.entropy import UNIFORM
from attnprobe.records import Measurement, Metric, NotMeasured, Probe, ProbeResult, Subject

_ALIKE = 0.2
_BLIND = 0.25
_HALF = 0.5
_READ = ("entropy", "head_similarity", "simple_approximation", "positional_heads")

METRICS = (
    Metric(
        name="untrained_look",
        title="Whether the attention looks untrained",
        unit="1",
        level="model",
        exactness="sampled",
        method="1 where half of all heads or more do not look at the content, else 0. A head does not when "
        "it "
        f"spreads evenly (normalised entropy above {UNIFORM}) in a pattern that no other head of its layer "
        f"shares "
        f"(map correlation below {_ALIKE}), or when the uniform map or one of the distance alone moves its "
        f"output "
        f"by less than {_BLIND:.0%}: position biases make untrained heads uneven. Heads without such "
        f"numbers do "
        "not count.",
        source="Measured on a trained sentence encoder (one head of 72), its untrained twin (all heads), "
        "and forty "
        "small models as drawn.",
        not_said="That it is untrained: queries and keys that are far too small look the same. Weights drawn "
        "with a large deviation do not look untrained.",
        topic="heads",
        # Drawn weights do not look at the tokens whatever these are; trained ones do on random ids too.
        needs_data=False,
        labels=("trained", "untrained"),
    ),
)


def _run(subject: Subject) -> ProbeResult:
    if any(name not in subject.watched for name in _READ):
        return _gap(f"it needs the probes {', '.join(_READ)}")
    fresh = [head for index in range(len(subject.trace.sites)) for head in _fresh_heads(subject, index)]
    if not fresh:
        return _gap("the map of no head is known")
    value = int(sum(fresh) >= _HALF * len(fresh))
    return ProbeResult(measurements=(Measurement(metric="untrained_look", site="", value=value),))


def _gap(reason: str) -> ProbeResult:
    return ProbeResult(not_measured=(NotMeasured(metric="untrained_look", site="", reason=reason),))


def _fresh_heads(subject: Subject, index: int) -> list[bool]:
    """Of every head of a site with a map: whether it looks untrained."""
    entropies = subject.watched["entropy"]
    if entropies.reason(index):
        return []
    alike, lost = _nearest(subject.watched["head_similarity"], index), _least_lost(subject, index)
    normalised = entropies.mean(index, "normalised").flatten().tolist()
    return [
        (value > UNIFORM and (head >= len(alike) or alike[head] < _ALIKE))
        or any(errors[head] < _BLIND for errors in lost)
        for head, value in enumerate(normalised)
        if not isnan(value)
    ]


def _nearest(similarities: Any, index: int) -> list[float]:
    """Of every head the correlation with the nearest other map; 0 for uniform ones; [] where not known."""
    from attnprobe.probes.heads.similarity import map_correlation

    found = map_correlation(similarities.sums, index)
    rows = [] if isinstance(found, str) else found.tolist()
    others = [[v for other, v in enumerate(row) if other != head] for head, row in enumerate(rows)]
    return [max((value for value in row if not isnan(value)), default=0.0) for row in others]


def _least_lost(subject: Subject, index: int) -> list[list[float]]:
    """Errors by head of the output under maps that do not read the content; [] where not known."""
    from attnprobe.probes.approximating import simple_maps, static_maps

    found: list[list[float]] = []
    for probe, numbers, metric in (
        ("simple_approximation", simple_maps.numbers, "uniform_error"),
        ("positional_heads", static_maps.numbers, "static_error"),
    ):
        watcher = subject.watched[probe]
        known = None if watcher.reasons.get(index) else numbers(watcher.sums, index)
        values = None if known is None else known[metric]
        if values is not None and not isinstance(values, str):
            found.append(values.tolist())
    return found


probe = Probe(name="untrained_look", depth="measured", metrics=METRICS, run=_run, after=_READ)
