"""Matrices of scores and probabilities that the forward keeps for the backward."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attnprobe.probes.graph_reading.results import result
from attnprobe.probes.storage.lifetimes import saved_bytes
from attnprobe.records import Core, Measurement, Metric, NotMeasured, Probe, ProbeResult, Subject, Trace

_FREE_OF_SCORES = ("linear", "channel", "spatial")  # what they keep does not grow with length²

METRICS = (
    Metric(
        name="saved_score_bytes",
        title="Scores and probabilities kept for the backward pass",
        unit="byte",
        level="site",
        exactness="exact",
        method="Storages with at least q_len · kv_len elements that ops between queries and values made and "
        "that are alive when the backward pass starts: scores, masked scores, probabilities, dropout.",
        not_said="A fused kernel keeps none of them and computes them again in the backward pass.",
    ),
    Metric(
        name="saved_score_share",
        title="Share of scores and probabilities in the activations kept for the backward pass",
        unit="1",
        level="site",
        exactness="exact",
        method="saved_score_bytes / activation_bytes, of the site; for the model, of all sites and the "
        "model.",
        not_said="The share at another length: it grows with it.",
        headline=True,
    ),
)


def _run(subject: Subject) -> ProbeResult:
    trace = subject.trace
    if not trace.backward:
        reason = "the scan ran no backward pass"
        return ProbeResult(not_measured=tuple(_missing(metric.name, "", reason) for metric in METRICS))
    saved = saved_bytes(trace)
    of_site = [0] * len(trace.sites)
    for op, size in saved.items():
        if op in trace.site_of_op:
            of_site[trace.site_of_op[op][0]] += size
    scores = [_score_bytes(trace, core, saved) for core in trace.cores]
    names = [site.id for site in trace.sites]
    found = [
        record
        for name, own, all_of_it in zip(names, scores, of_site, strict=True)
        for record in _both(name, own, all_of_it)
    ]
    return result([*found, *_both("", sum(scores), sum(saved.values()))])


def _score_bytes(trace: Trace, core: Core, saved: Mapping[int, int]) -> int:
    if core.mechanism in _FREE_OF_SCORES:
        return 0
    return sum(
        saved.get(index, 0)
        for part in core.parts or (core,)
        for index in {*part.score_ops, *part.inner_ops} - set(part.value_ops)
        if _largest(trace, index) >= part.q_len * part.kv_len
    )


def _largest(trace: Trace, index: int) -> int:
    return max((trace.tensors[number].numel for number in trace.ops[index].outputs), default=0)


def _both(site: str, scores: int, activations: int) -> Iterator[Measurement | NotMeasured]:
    yield Measurement(metric="saved_score_bytes", site=site, value=scores)
    if activations:
        yield Measurement(metric="saved_score_share", site=site, value=scores / activations)
    else:
        yield _missing("saved_score_share", site, "nothing is kept for the backward pass")


def _missing(metric: str, site: str, reason: str) -> NotMeasured:
    return NotMeasured(metric=metric, site=site, reason=reason)


probe = Probe(name="score_memory", depth="static", metrics=METRICS, run=_run)
