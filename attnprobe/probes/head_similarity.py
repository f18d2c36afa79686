"""Heads that do the same: alike in what they look at and in what they give back."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from typing import TYPE_CHECKING, Any

from attnprobe.probes.heads.clustering import clusters
from attnprobe.probes.heads.gathering import Gathered
from attnprobe.records import AttentionSite, Metric, Probe, ProbeResult, Subject

if TYPE_CHECKING:
    from attnprobe.observing.sums import Sums

REDUNDANT, ALIKE = 0.9, 0.7  # mean similarities within a cluster
_ALONE = "it has one head"
_UNTRAINED = "On its own it does not make heads redundant: "

METRICS = (
    Metric(
        name="head_output_similarity",
        title="Similarity of the heads' outputs",
        unit="1",
        level="head",
        exactness="sampled",
        method="Linear CKA: ‖Z_aᵀZ_b‖² / (‖Z_aᵀZ_a‖ ‖Z_bᵀZ_b‖) of the centred outputs Z of two heads, at "
        "most 2,048 real tokens of a batch. Heads that together have more than 2,048 dims are each projected "
        "to 32 by one fixed random rotation (seed 0). The site's number is the median over pairs.",
        source="Kornblith, Norouzi, Lee and Hinton 2019, arXiv:1905.00414.",
        not_said=_UNTRAINED + "heads of an untrained model all average the values, and reach 0.7. It is too "
        "high by about head_dim / tokens.",
        needs_data=True,
        topic="heads",
    ),
    Metric(
        name="head_map_correlation",
        title="Correlation of the heads' maps",
        unit="1",
        level="head",
        exactness="sampled",
        method="⟨P_a - U, P_b - U⟩ / (‖P_a - U‖ ‖P_b - U‖) over all sampled queries, where U is 1 / n on "
        "the n keys that a query may see. The site's number is the median over pairs.",
        source="After the head correlation of Agarwal et al. 2024 (CHAI), arXiv:2403.08058, with the "
        "uniform map taken off: without it untrained heads look alike.",
        not_said="That heads of equal maps give the same: their values may differ.",
        needs_data=True,
        topic="heads",
    ),
    Metric(
        name="nearest_twin",
        title="Similarity of a head to its nearest twin",
        unit="1",
        level="head",
        exactness="sampled",
        method="Maximum over the other heads of min(head_output_similarity, head_map_correlation). A head "
        "without a map of its own (uniform) or with a constant output has none. The site's number is the "
        "mean over heads.",
        not_said="Which of the two could go. Twins in different layers are not looked for.",
        needs_data=True,
        topic="heads",
        headline=True,
    ),
    Metric(
        name="nearest_map",
        title="Correlation of a head's map with the nearest other map",
        unit="1",
        level="head",
        exactness="sampled",
        method="Maximum over the other heads of head_map_correlation: near 1 two heads could share a map and "
        "keep their values. The site's number is the mean over heads.",
        not_said="That the heads are redundant: that is nearest_twin.",
        needs_data=True,
        topic="heads",
    ),
    Metric(
        name="head_clusters",
        title="Number of clusters of redundant heads",
        unit="1",
        level="site",
        exactness="sampled",
        method=f"Average linkage on min(output CKA, map correlation), joined above {REDUNDANT}. As many "
        "clusters as heads: no head is redundant. Pairs without a number count as 0.",
        not_said="Clusters of heads whose maps or outputs are alike, but not both.",
        needs_data=True,
        topic="heads",
    ),
    Metric(
        name="map_clusters",
        title="Number of clusters of alike maps",
        unit="1",
        level="site",
        exactness="sampled",
        method=f"Average linkage on head_map_correlation, joined above {ALIKE}.",
        source="After Agarwal et al. 2024 (CHAI), arXiv:2403.08058, who cluster to share queries and keys.",
        not_said="That the heads are redundant: that is head_clusters.",
        needs_data=True,
        topic="heads",
    ),
)
_OF_BOTH = ("nearest_twin", "head_clusters")


def _watch(subject: Subject) -> Any:
    from attnprobe.probes.heads.similarity import SimilarityWatcher

    return SimilarityWatcher()


def _run(subject: Subject) -> ProbeResult:
    gathered, sums = Gathered(), subject.watched["head_similarity"].sums
    for index, site in enumerate(subject.trace.sites):
        if site.num_heads < 2:
            gathered.missing((metric.name for metric in METRICS), site.id, _ALONE)
        else:
            _compare(gathered, sums, index, site)
    return gathered.result()


def _compare(gathered: Gathered, sums: Sums, index: int, site: AttentionSite) -> None:
    from attnprobe.probes.heads.similarity import map_correlation, output_similarity

    outputs, maps = _pairs(output_similarity(sums, index)), _pairs(map_correlation(sums, index))
    if isinstance(outputs, str):
        gathered.missing(("head_output_similarity",), site.id, outputs)
    else:
        gathered.pairs("head_output_similarity", site.id, outputs, "the outputs of its heads are constant")
    if isinstance(maps, str):
        gathered.missing(("head_map_correlation", "nearest_map", "map_clusters"), site.id, maps)
    else:
        gathered.pairs("head_map_correlation", site.id, maps, "its maps are uniform")
        gathered.heads("nearest_map", site.id, _nearest(maps), "its maps are uniform")
        gathered.number("map_clusters", site.id, len(clusters(maps, ALIKE)))
    if isinstance(outputs, str) or isinstance(maps, str):
        reason = outputs if isinstance(outputs, str) else maps
        gathered.missing(_OF_BOTH, site.id, str(reason))
        return
    both = [
        [None if one is None or other is None else min(one, other) for one, other in zip(*rows, strict=True)]
        for rows in zip(outputs, maps, strict=True)
    ]
    gathered.heads("nearest_twin", site.id, _nearest(both), "its maps are uniform or its outputs constant")
    gathered.number("head_clusters", site.id, len(clusters(both, REDUNDANT)))


def _pairs(found: Any) -> list[list[float | None]] | str:
    """A tensor as lists, None for NaN."""
    if isinstance(found, str):
        return found
    return [[None if isnan(value) else value for value in row] for row in found.tolist()]


def _nearest(pairs: Sequence[Sequence[float | None]]) -> list[float | None]:
    """The largest number of each head with another one; None where there is none."""
    known = [
        [value for other, value in enumerate(row) if other != own and value is not None]
        for own, row in enumerate(pairs)
    ]
    return [max(values, default=None) for values in known]


probe = Probe(name="head_similarity", depth="measured", metrics=METRICS, run=_run, watch=_watch)
