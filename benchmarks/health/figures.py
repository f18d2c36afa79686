"""What a survey measured on the trained encoder and on its untrained twin, and how to read it from a scan.

The survey had sixteen other passages of the same length, so a figure fits when it lies within a fifth of the
survey's, or within the absolute distance beside it. Left out: the effective rank of the map, which the survey
took of singular values with the mean row in it, where a scan takes their squares without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from attnprobe.records import Scan
from benchmarks.health.detectors import CONTRIBUTION, MAP_CORRELATION, OUTPUT_CKA
from benchmarks.health.reading import largest, middle, of_heads, of_pairs, of_sites, smallest

Model = Literal["trained", "untrained"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of the table. None where the survey has none."""

    name: str
    value: Callable[[Scan], float | None]
    trained: float | None
    untrained: float | None
    within: float = 0.02  # absolute
    share: float = 0.2  # relative
    note: str = ""

    def fits(self, model: Model, value: float | None) -> bool | None:
        """Whether a value is the survey's within the tolerance; None without either."""
        expected: float | None = getattr(self, model)
        if expected is None or value is None:
            return None
        return abs(value - expected) <= max(self.share * abs(expected), self.within)


def _median(metric: str) -> Callable[[Scan], float | None]:
    return lambda scan: middle(of_heads(scan, metric))


def _most(metric: str) -> Callable[[Scan], float | None]:
    return lambda scan: largest(of_heads(scan, metric))


def _least(metric: str) -> Callable[[Scan], float | None]:
    return lambda scan: smallest(of_heads(scan, metric))


def _layer(metric: str, number: int) -> Callable[[Scan], float | None]:
    return lambda scan: of_sites(scan, metric)[number]


def _least_of_sites(metric: str) -> Callable[[Scan], float | None]:
    return lambda scan: smallest(of_sites(scan, metric))


def _middle_of_sites(metric: str) -> Callable[[Scan], float | None]:
    return lambda scan: middle(of_sites(scan, metric))


def _pairs(metric: str) -> Callable[[Scan], float | None]:
    return lambda scan: middle(of_pairs(scan, metric))


def _most_of_pairs(metric: str) -> Callable[[Scan], float | None]:
    return lambda scan: largest(of_pairs(scan, metric))


FIGURES: tuple[Figure, ...] = (
    Figure("normalised entropy, median head", _median("normalised_entropy"), 0.657, 0.998),
    *(
        Figure(f"normalised entropy, layer {n}", _layer("normalised_entropy", n), known, None)
        for n, known in enumerate((0.92, 0.47, 0.49, 0.61, 0.59, 0.75))
    ),
    Figure("normalised entropy, sharpest head", _least("normalised_entropy"), 0.004, 0.998),
    Figure("entropy spread over queries, median head", _median("entropy_spread"), 0.116, 0.0005, 0.001),
    Figure("maximum probability, median head", _median("maximum_probability"), 0.323, 0.011),
    Figure("maximum probability, sharpest head", _most("maximum_probability"), 0.994, None),
    Figure("largest logit, median head", _median("largest_logit"), 8.5, 0.75),
    Figure("largest logit, any head", _most("largest_logit"), 55.2, None),
    Figure("distance from uniform, median head", _median("uniform_distance"), 0.60, 0.049),
    Figure("softmax Jacobian, median head", _median("softmax_jacobian"), 0.82, None),
    Figure("column entropy, median head", _median("column_entropy"), 0.79, 0.999),
    Figure("unattended keys, median head", _median("unattended_keys"), 0.013, 0.0),
    Figure("sink mass, median head", _median("sink_mass"), 0.234, 0.008),
    Figure("sink mass, largest", _most("sink_mass"), 0.70, None),
    Figure("differing share of the map, median head", _median("differing_map_share"), 0.43, 0.010),
    Figure("mass within 16 tokens, median head", _median("window_16_mass"), 0.31, 0.24),
    Figure("mass within 16 tokens and sinks, median head", _median("sink_window_16_mass"), 0.56, 0.25),
    Figure("mass of the top tenth of keys, median head", _median("top_tenth_mass"), 0.67, 0.13),
    Figure("mass of the top quarter of keys, median head", _median("top_quarter_mass"), 0.83, 0.29),
    Figure("keys for 90 % / n, median head", _median("keys_for_90_share"), 0.35, 0.88),
    Figure("output error of the uniform map, median head", _median("uniform_error"), 0.88, 0.02),
    Figure("output error of 16 tokens and sinks, median head", _median("sink_window_16_error"), 0.51, None),
    Figure("output error of the top 8 keys, median head", _median("top_8_error"), 0.57, None),
    Figure("output error of rank 16, median head", _median("rank_16_error"), 0.11, None),
    Figure("output error of a static map, median head", _median("static_error"), 0.74, None),
    Figure("share explained by the offset, best head", _most("relative_position_share"), 0.98, None),
    Figure("centred map correlation, median pair", _pairs(MAP_CORRELATION), 0.559, -0.003),
    Figure("centred map correlation, largest", _most_of_pairs(MAP_CORRELATION), 0.923, 0.14),
    Figure("CKA of head outputs, median pair", _pairs(OUTPUT_CKA), 0.242, 0.704),
    Figure("CKA of head outputs, largest", _most_of_pairs(OUTPUT_CKA), 0.614, 0.803),
    Figure("contribution of a head / stream, median head", _median(CONTRIBUTION), 0.132, 0.026),
    Figure(
        "effective rank of a head's output, median head", _median("head_output_effective_rank"), 14.6, 11.8
    ),
    *(
        Figure(f"clusters of heads by map, layer {n}", _layer("map_clusters", n), known, 12, 2.0)
        for n, known in enumerate((12, 7, 7, 4, 3, 9))
    ),
    Figure(
        "merge error of neighbouring keys, median layer", _middle_of_sites("key_merge_error"), 0.705, 0.71
    ),
    Figure(
        "the same after the best rotation", _middle_of_sites("aligned_key_merge_error"), 0.425, 0.55, 0.05
    ),
    Figure(
        "merge error of values after the best rotation, median layer",
        _middle_of_sites("aligned_value_merge_error"),
        0.475,
        None,
    ),
    Figure(
        "energy of keys and values in 128 of 768 dims, median layer",
        _middle_of_sites("key_value_energy_at_sixth"),
        0.95,
        0.853,
        share=0.02,
    ),
    *(
        Figure(f"token cosine after layer {n}", _layer("mean_token_cosine", n + 1), known, None, 0.05)
        for n, known in enumerate((0.13, 0.15, 0.19, 0.22, 0.30))
    ),
    Figure("token cosine after layer 0, untrained", _layer("mean_token_cosine", 1), None, 0.34),
    Figure("token cosine after layer 4, untrained", _layer("mean_token_cosine", -1), None, 0.36),
    Figure("rank-one residual, least before a layer", _least_of_sites("rank_one_residual"), 0.88, 0.80),
    Figure(
        "query-key gradient ratio, median layer", _middle_of_sites("query_key_gradient_ratio"), 0.2, None, 0.1
    ),
    Figure(
        "effective rank of the states / n, median layer",
        _middle_of_sites("representation_effective_rank"),
        0.675,
        None,
    ),
    Figure(
        "largest activation / median, any layer",
        lambda s: largest(of_sites(s, "largest_activation_ratio")),
        55,
        6.8,
    ),
)
