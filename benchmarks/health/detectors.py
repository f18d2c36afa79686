"""Which number of a scan catches which fault: one line each, with the limit that raises the alarm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from attnprobe.records import Scan
from benchmarks.health.reading import largest, middle, of_heads, of_sites, pairs, smallest, total

MAP_CORRELATION, OUTPUT_CKA = "head_map_correlation", "head_output_similarity"
CONTRIBUTION = "head_contribution"


@dataclass(frozen=True, slots=True)
class Detector:
    """A number and its limit; beyond it the alarm is raised."""

    name: str
    probe: str  # whose number it is
    value: Callable[[Scan], float | None]
    limit: float
    is_above: bool  # alarm above the limit; else below

    def is_alarm(self, value: float | None) -> bool:
        """Whether a value is beyond the limit."""
        return value is not None and (value > self.limit) == self.is_above and value != self.limit


def duplicate(scan: Scan) -> float | None:
    """The largest min(centred map correlation, output CKA) of any pair."""
    maps, outputs = pairs(scan, MAP_CORRELATION), pairs(scan, OUTPUT_CKA)
    return largest(
        [
            min(value, outputs[site][pair])
            for site, known in maps.items()
            for pair, value in known.items()
            if pair in outputs.get(site, {})
        ]
    )


def blind_saturation(scan: Scan) -> float | None:
    """The largest min(saturated queries, unattended keys) of any head: sharp and without coverage."""
    sharp, unattended = of_heads(scan, "saturated_queries"), of_heads(scan, "unattended_keys")
    if len(sharp) != len(unattended):  # one of the probes did not run
        return None
    return largest([min(pair) for pair in zip(sharp, unattended, strict=True)])


def weakest_head(scan: Scan) -> float | None:
    """The smallest contribution of any head against the median of its layer."""
    layers = [[v for v in site.head_metrics.get(CONTRIBUTION, ()) if v is not None] for site in scan.sites]
    return smallest([min(layer) / median(layer) for layer in layers if layer and median(layer) > 0])


def future_mass(scan: Scan) -> float | None:
    """The largest mass that a head gives to later tokens, where the model must not see them."""
    return largest(of_heads(scan, "future_mass")) if scan.model.causal_declared else None


def future_leak(scan: Scan) -> float | None:
    """How far outputs move when later tokens change, where the model must not see them."""
    return total(scan, "future_leak") if scan.model.causal_declared else None


DETECTORS = (
    Detector("duplicate heads: map correlation and output CKA", "head_similarity", duplicate, 0.95, True),
    Detector(
        "dead head: smallest contribution / median of its layer", "head_outputs", weakest_head, 0.01, False
    ),
    Detector("largest logit", "saturation", lambda s: largest(of_heads(s, "largest_logit")), 100, True),
    Detector("saturated queries that leave keys out", "saturation", blind_saturation, 0.5, True),
    Detector(
        "smallest column entropy", "key_mass", lambda s: smallest(of_heads(s, "column_entropy")), 0.3, False
    ),
    Detector(
        "query-key gradient ratio",
        "projection_gradients",
        lambda s: total(s, "query_key_gradient_ratio"),
        1e-6,
        False,
    ),
    Detector(
        "smallest rms gradient of a projection",
        "projection_gradients",
        lambda s: total(s, "smallest_projection_gradient_rms"),
        1e-8,
        False,
    ),
    Detector(
        "smallest rank-one residual",
        "token_uniformity",
        lambda s: total(s, "smallest_rank_one_residual"),
        0.1,
        False,
    ),
    Detector(
        "largest token cosine",
        "token_uniformity",
        lambda s: largest(of_sites(s, "mean_token_cosine")),
        0.9,
        True,
    ),
    Detector(
        "median mass within 16 tokens",
        "window_approximation",
        lambda s: middle(of_heads(s, "window_16_mass")),
        0.95,
        True,
    ),
    Detector("mass on later tokens, causal models", "key_mass", future_mass, 1e-3, True),
    Detector("later tokens' effect on outputs, causal models", "perturbations", future_leak, 1e-3, True),
    Detector("share of uniform heads", "entropy", lambda s: total(s, "uniform_heads"), 0.5, True),
)
