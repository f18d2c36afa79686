"""How large scores are before the softmax, and how much gradient it lets through."""

from __future__ import annotations

from typing import Any

from attnprobe.probes.map_statistics.metrics import LENGTH, SAMPLE, map_metric
from attnprobe.probes.map_statistics.results import (
    OfHeads,
    Value,
    all_heads,
    of_model,
    probe_result,
    results,
    share_above,
)
from attnprobe.records import AttentionSite, Probe, ProbeResult, Subject

_YUDIN = "Yudin et al. 2025, arXiv:2507.07814."
_NO_SCORES = "its scores before the normaliser are not known"
_NO_SOFTMAX = "its normaliser is no softmax"

# What the softmax does to the gradient follows from the size of the scores: weights that are too large show
# it on random ids as well, and healthy ones do not. So none of these numbers needs data.
METRICS = (
    map_metric(
        "largest_logit",
        "Largest score before the softmax",
        "max |s_ij| over visible keys, s_ij = q_i · k_j scaled and with its bias, as it enters the softmax; "
        "over all queries of sequences up to 256, else over 256 spread over the positions. Of a site and of "
        "the model: the largest of the heads.",
        "Not saturation by itself: a head may find its one key so. Position biases that fall with the "
        "distance count too.",
        exactness="sampled",
        source="Dehghani et al. 2023, arXiv:2302.05442; Kimi K2, arXiv:2507.20534, which clips at 100.",
        topic="gradients",
        needs_data=False,
        headline=True,
    ),
    map_metric(
        "largest_positive_logit",
        "Largest score before the softmax, with its sign",
        "max s_ij over visible keys: as largest_logit, but large negative scores do not count, so that a "
        "position "
        "bias that falls with the distance (ALiBi) is no reason for it to grow with the length.",
        "Not saturation by itself: a head may find its one key so.",
        exactness="sampled",
        source="S_max of Kimi K2, arXiv:2507.20534, which clips at 100.",
        topic="gradients",
        needs_data=False,
    ),
    map_metric(
        "logit_spread",
        "Variation of the scores of a query",
        "Standard deviation of s_ij over the visible keys j of a query with two or more, " + SAMPLE,
        LENGTH + "It is the inverse of a temperature: near 0 attention is uniform.",
        exactness="sampled",
        source="Hong and Lee 2025, EMNLP.",
        topic="gradients",
        needs_data=False,
    ),
    map_metric(
        "softmax_jacobian",
        "Gradient that the softmax lets through",
        "Trace of its Jacobian diag(p) - p pᵀ, 1 - Σ_j p_ij², " + SAMPLE + "0: one-hot, no gradient reaches "
        "queries and keys; 1 - 1/n_i: uniform.",
        LENGTH + "Not the gradient itself, which depends on the values and the loss as well.",
        exactness="sampled",
        source=_YUDIN,
        topic="gradients",
        needs_data=False,
    ),
    map_metric(
        "softmax_jacobian_bound",
        "Most that the softmax can pass on of a gradient",
        "Bound of the spectral norm of its Jacobian, p₁ (1 - p₁ + p₂), p₁ ≥ p₂ the two largest weights of a "
        "query; " + SAMPLE + "At most ½.",
        "It is small for uniform weights too: read it beside normalised_entropy.",
        exactness="sampled",
        source=_YUDIN,
        topic="gradients",
        needs_data=False,
    ),
    map_metric(
        "saturated_queries",
        "Share of queries with one-hot attention",
        "Share of queries with max_j p_ij > 0.99, " + SAMPLE + "Of the model: over all heads.",
        "A head that always finds the previous token is saturated and healthy: see column_entropy.",
        exactness="sampled",
        topic="gradients",
        needs_data=False,
    ),
    map_metric(
        "saturated_heads",
        "Share of heads with one-hot attention in most queries",
        "Share of heads whose saturated_queries is above one half; of the model over all heads.",
        "A head that always finds the previous token is saturated and healthy: see column_entropy.",
        level="site",
        exactness="sampled",
        topic="gradients",
        needs_data=False,
    ),
)


def _watch(subject: Subject) -> Any:
    from attnprobe.probes.map_statistics.sharpness import SaturationWatcher

    return SaturationWatcher()


def _run(subject: Subject) -> ProbeResult:
    watcher = subject.watched["saturation"]

    def read(index: int, site: AttentionSite) -> dict[str, Value]:
        logits, trace = watcher.sums.get(index, "largest_logit"), watcher.sums.get(index, "trace")
        highest = watcher.sums.get(index, "highest")
        saturated, gap = watcher.mean(index, "saturated"), watcher.reason(index)
        return {
            "largest_logit": gap or _NO_SCORES if logits is None else OfHeads(float(logits.max()), logits),
            "largest_positive_logit": gap or _NO_SCORES
            if highest is None
            else OfHeads(float(highest.max()), highest),
            "logit_spread": gap or _NO_SCORES if logits is None else watcher.mean(index, "spread"),
            "softmax_jacobian": gap or _NO_SOFTMAX if trace is None else watcher.mean(index, "trace"),
            "softmax_jacobian_bound": gap or _NO_SOFTMAX if trace is None else watcher.mean(index, "bound"),
            "saturated_queries": gap or saturated,
            "saturated_heads": gap or (saturated > 0.5).double().mean(),
        }

    found = results(subject, METRICS, lambda index: "", read)
    for metric in ("largest_logit", "largest_positive_logit"):
        found.append(of_model(metric, all_heads(found, metric), max))
    saturated = all_heads(found, "saturated_queries")
    found.append(of_model("saturated_queries", saturated, lambda values: sum(values) / len(values)))
    found.append(of_model("saturated_heads", saturated, share_above(0.5)))
    return probe_result(found)


probe = Probe(name="saturation", depth="measured", metrics=METRICS, run=_run, watch=_watch)
