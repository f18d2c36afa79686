"""The order in which a reader asks for metrics; what we do not know comes last, by name."""

from __future__ import annotations

METRICS = (
    "flops_forward",
    "flops_second_count",
    "flops_backward",
    "flops_recomputed",
    "flops_core",
    "flops_useful",
    "flops_executed",
    "flops_scores",
    "flops_values",
    "flops_projections",
    "elementwise_operations",
    "copy_bytes",
    "attention_flops_share",
    "core_flops_share",
    "activation_bytes",
    "peak_forward_bytes",
    "peak_training_bytes",
    "measured_peak_forward_bytes",
    "measured_peak_training_bytes",
    "kv_cache_bytes_per_token",
    "kv_cache_bytes",
    "cross_kv_bytes",
    "parameters",
    "parameter_bytes",
    "gradient_bytes",
    "optimizer_bytes",
    "training_state_bytes",
    "core_length_exponent",
    "length_exponent",
    "quadratic_crossover_length",
    "roofline_ms",
    "forward_ms",
    "forward_ms_spread",
    "backward_ms",
    "backward_ms_spread",
    "kernel_ms",
    "kernel_count",
    "product_count",
)
PARTS = ("attention", "feed_forward", "convolution")
HEADLINES = (  # of health, within their topics
    "largest_logit",
    "value_output_gradient_factor",
    "query_key_gradient_ratio",
    "head_importance",
    "nearest_twin",
    "head_contribution",
    "normalised_entropy",
    "rank_one_residual",
    "mean_token_cosine",
    "window_for_99",
    "top_tenth_error",
    "rank_16_error",
    "future_leak",
    "batch_leak",
)
_METRIC_PLACES = {name: place for place, name in enumerate(METRICS)}


def metric_place(name: str) -> tuple[int, str]:
    """Sort key of a metric."""
    return _METRIC_PLACES.get(name, len(METRICS)), name


def headline_place(name: str) -> int:
    """Sort key of a metric of health among the headlines of its topic."""
    return HEADLINES.index(name) if name in HEADLINES else len(HEADLINES)


def part_place(part: str) -> tuple[int, str]:
    """Sort key of a part of the model. "other" stands last, behind parts that we do not know."""
    if part == "other":
        return len(PARTS) + 1, ""
    return (PARTS.index(part) if part in PARTS else len(PARTS)), part
