"""How evenly queries spread their attention over the keys that they may see."""

from __future__ import annotations

from statistics import median
from typing import Any

from attnprobe.probes.map_statistics.metrics import LENGTH, SAMPLE, map_metric
from attnprobe.probes.map_statistics.results import (
    all_heads,
    of_model,
    probe_result,
    results,
    share_above,
)
from attnprobe.records import AttentionSite, Metric, Probe, ProbeResult, Subject

UNIFORM = 0.98
_ZHAI = "Zhai et al. 2023, arXiv:2303.06296, section 3."


METRICS = (
    map_metric(
        "attention_entropy",
        "Entropy of the attention weights",
        "-Σ_j p_ij log p_ij, mean over the queries i that are no padding and see a key; exact through the "
        "fused kernel as log Σ exp(s) - E_p[s]. Of a site: the mean over its heads.",
        LENGTH + "The largest possible entropy is the logarithm of the number of visible keys.",
        source=_ZHAI,
        unit="nat",
    ),
    map_metric(
        "normalised_entropy",
        "Entropy of the attention weights, as a share of its maximum",
        "H_i / log n_i, n_i the keys that query i may see; mean over the queries with n_i ≥ 2. 1: uniform, "
        "0: one key takes all. Of the model: the median over all heads.",
        LENGTH + "A low value alone is no fault: a head that finds the previous token has one near 0.",
        source=_ZHAI,
        headline=True,
    ),
    map_metric(
        "entropy_spread",
        "Variation of the normalised entropy between queries",
        "Standard deviation of H_i / log n_i over the queries with n_i ≥ 2, all batches together.",
        LENGTH + "Near 0 the head treats all queries alike, as untrained ones do.",
    ),
    map_metric(
        "maximum_probability",
        "Largest attention weight of a query",
        "max_j p_ij, " + SAMPLE,
        LENGTH + "It does not say whether it is always the same key.",
        exactness="sampled",
    ),
    map_metric(
        "uniform_distance",
        "Distance of the attention weights from uniform ones",
        "Total variation ½ Σ_j |p_ij - 1/n_i| over the visible keys, mean over the same queries as "
        "maximum_probability. 0: uniform, 1 - 1/n_i: one key takes all.",
        LENGTH + "It does not say which keys are preferred.",
        exactness="sampled",
    ),
    Metric(
        name="uniform_heads",
        title="Share of heads that attend uniformly",
        unit="1",
        level="site",
        exactness="exact",
        method=f"Share of heads whose normalised_entropy is above {UNIFORM}; of the model over all heads.",
        not_said="Above one half the model looks untrained: similarities between its heads then say nothing. "
        "Uniform heads may also be meant so.",
        needs_data=True,
        topic="information",
    ),
)


def _watch(subject: Subject) -> Any:
    from attnprobe.probes.map_statistics.entropies import EntropyWatcher

    return EntropyWatcher()


def _run(subject: Subject) -> ProbeResult:
    watcher = subject.watched["entropy"]

    def read(index: int, site: AttentionSite) -> dict[str, Any]:
        normalised = watcher.mean(index, "normalised")
        known = normalised[~normalised.isnan()]
        uniform = (known > UNIFORM).double().mean() if len(known) else "no query sees two keys"
        return {
            "attention_entropy": watcher.mean(index, "entropy"),
            "normalised_entropy": normalised,
            "entropy_spread": watcher.spread(index),
            "maximum_probability": watcher.mean(index, "largest"),
            "uniform_distance": watcher.mean(index, "distance"),
            "uniform_heads": uniform,
        }

    found = results(subject, METRICS, watcher.reason, read)
    heads = all_heads(found, "normalised_entropy")
    found.append(of_model("normalised_entropy", heads, median))
    found.append(of_model("uniform_heads", heads, share_above(UNIFORM)))
    return probe_result(found)


probe = Probe(name="entropy", depth="measured", metrics=METRICS, run=_run, watch=_watch)
