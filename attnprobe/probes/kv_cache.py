"""The key-value cache that decoding token by token would need."""

from __future__ import annotations

from attnprobe.probes.counting.parts import cost_shares
from attnprobe.probes.decoding.cache import cached_tokens, key_value_bytes, why_not_cached
from attnprobe.records import Measurement, Metric, NotMeasured, Probe, ProbeResult, Subject

_LATENT = (
    "What is stored is taken to be keys and values as they enter the core: a model that caches something "
    "smaller and expands it (multi-head latent attention) needs less. "
)

METRICS = (
    Metric(
        name="kv_cache_bytes_per_token",
        title="Key-value cache per token and sequence",
        unit="byte",
        level="site",
        exactness="exact",
        method="num_kv_heads · (head_dim + value_dim) · bytes of the dtype, for causal self-attention.",
        not_said=_LATENT
        + "Heads that were repeated before the core count once. Nothing is paged or quantised.",
    ),
    Metric(
        name="kv_cache_bytes",
        title="Key-value cache of one sequence at the scanned length",
        unit="byte",
        level="site",
        exactness="exact",
        method="kv_cache_bytes_per_token · number of keys, at most the window of a windowed attention.",
        not_said=_LATENT
        + "Many implementations keep all keys of a windowed attention. Multiply by the batch size.",
    ),
    Metric(
        name="cross_kv_bytes",
        title="Keys and values of the other sequence that a cross-attention keeps while decoding",
        unit="byte",
        level="site",
        exactness="exact",
        method="num_kv_heads · (head_dim + value_dim) · bytes of the dtype · keys, for one sequence.",
        not_said="It does not grow with the number of tokens that are decoded.",
    ),
)


def _run(subject: Subject) -> ProbeResult:
    trace = subject.trace
    measurements: list[Measurement] = []
    not_measured: list[NotMeasured] = []
    sums: dict[str, float] = dict.fromkeys((metric.name for metric in METRICS), 0)
    for site, core in zip(trace.sites, trace.cores, strict=True):
        per_token = key_value_bytes(trace, core)
        found: dict[str, float] = {}
        reason = why_not_cached(site)
        if per_token is None:
            reason = reason or "its keys or values are not one tensor, so their dtype is not known"
        elif site.role == "cross":
            found["cross_kv_bytes"] = per_token * site.kv_len
        elif not reason:
            found["kv_cache_bytes_per_token"] = per_token
            found["kv_cache_bytes"] = per_token * cached_tokens(site)
        if reason:
            not_measured += [
                NotMeasured(metric=metric, site=site.id, reason=reason)
                for metric in ("kv_cache_bytes_per_token", "kv_cache_bytes")
            ]
        for metric, value in found.items():
            sums[metric] += value
            measurements.append(Measurement(metric=metric, site=site.id, value=value))
    if not sums["kv_cache_bytes"]:
        not_measured += [
            NotMeasured(metric=metric, site="", reason="no attention of this model keeps a growing cache")
            for metric in ("kv_cache_bytes_per_token", "kv_cache_bytes")
        ]
    totals = [Measurement(metric=metric, site="", value=value) for metric, value in sums.items() if value]
    return ProbeResult(
        measurements=(*measurements, *totals),
        not_measured=tuple(not_measured),
        cost_shares=cost_shares("kv_cache_bytes_per_token", {"attention": sums["kv_cache_bytes_per_token"]}),
    )


probe = Probe(name="kv_cache", depth="static", metrics=METRICS, run=_run)
