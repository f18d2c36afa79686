"""Which changes are worth a try on a model, by what was measured on it. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf

from attnprobe.records import AttentionSite, Stream, Trace

Known = Mapping[tuple[str, str], float | None]

FEWEST_LAYERS = 4
_STARVED = 1e-3  # query_key_gradient_ratio: healthy models are at 1e-2 or above, collapsed ones below 1e-6
_FAR = 100.0  # between the gradients of the first and the last layer
_LARGE_LOGIT = 100.0
_ALIKE = 0.9  # mean cosine of the tokens
_DEAD = 0.5
_OVER_DEPTH = {
    "query_key": "query and key projections",
    "value_output": "value and output projections",
    "head_output": "head outputs",
}
_SPIKES = 2.0  # the largest gradient norm over the median one


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a copy of the model, at some sites."""

    name: str
    text: str
    sites: tuple[int, ...]


def symptoms(known: Known, last: str) -> tuple[str, ...]:
    """What of the measured numbers is a reason to try anything, in words.

    Args:
        known: (metric, site) -> number.
        last: The last site of the largest group of layers.
    """
    healthy = [
        ("query_key_gradient_ratio", "", _STARVED, inf, "queries and keys get hardly any gradient"),
        ("largest_logit", "", -inf, _LARGE_LOGIT, "scores are very large"),
        ("mean_token_cosine", last, -inf, _ALIKE, "tokens are nearly alike at the last layer"),
        ("dead_projection_share", "", -inf, _DEAD, "most projections get no gradient"),
        *(
            (
                f"{name}_gradient_first_to_last",
                "",
                1 / _FAR,
                _FAR,
                f"the gradient of {what} changes with depth",
            )
            for name, what in _OVER_DEPTH.items()
        ),
    ]
    found = ((known.get((metric, site)), low, high, text) for metric, site, low, high, text in healthy)
    return tuple(text for value, low, high, text in found if value is not None and not low <= value <= high)


def wants_clipping(known: Known) -> bool:
    """Whether the gradient's norm has spikes."""
    spread = known.get(("gradient_norm_largest_to_median", ""))
    return spread is not None and spread > _SPIKES


def largest_group(trace: Trace) -> tuple[int, ...]:
    """Indices of the sites of the largest group of layers, in the order in which they run."""
    groups: dict[str, list[int]] = {}
    for index, site in enumerate(trace.sites):
        groups.setdefault(site.group, []).append(index)
    found: list[int] = max(groups.values(), key=len, default=[])
    return tuple(found)


def changes(trace: Trace) -> tuple[Change, ...]:
    """Every change that makes sense for the largest group of layers."""
    sites = largest_group(trace)
    if len(sites) < FEWEST_LAYERS:
        return ()
    alone = tuple(index for index in sites if _has_own_module(trace, trace.sites[index]))
    projected = tuple(i for i in sites if {"value", "output"} <= trace.sites[i].projections.keys())
    streams = {index: trace.streams[index] for index in alone} if trace.streams else {}
    return (*_around(streams, len(sites)), *_initial(projected, streams, trace.sites, len(sites)))


def _around(streams: Mapping[int, Stream], layers: int) -> Iterator[Change]:
    """Changes at the entry and the exit of the sites' modules."""
    lone = tuple(i for i, stream in streams.items() if stream.has_residual is False)
    bare = tuple(i for i, stream in streams.items() if stream.norm == "none")
    added = tuple(i for i, stream in streams.items() if stream.has_residual is True)
    if lone:
        yield Change("residual", "the input of the attention's module is added to its output", lone)
    if bare:
        text = "the input of the attention's module is normalised (LayerNorm without weights)"
        yield Change("pre_normalisation", text, bare)
    if both := tuple(i for i in lone if i in bare):
        text = "the input of the attention's module is normalised, and what came in is added to its output"
        yield Change("pre_norm_residual", text, both)
    if added:
        text = f"the output of the attention's module is divided by the root of the depth, √{layers}"
        yield Change("scaled_residual", text, added)


def _initial(
    sites: tuple[int, ...], streams: Mapping[int, Stream], known: tuple[AttentionSite, ...], layers: int
) -> Iterator[Change]:
    """Changes of the projections' weights."""
    if not sites:
        return
    fresh = "q_proj, k_proj, v_proj and o_proj are drawn anew, Xavier normal (std √(2 / (fan_in + fan_out)))"
    yield Change("xavier_init", fresh, sites)
    scale = t_fixup_scale(layers, is_decoder=bool(known[sites[0]].is_causal))
    text = f"{fresh}, those of v_proj and o_proj times {scale:.3g} (T-Fixup; attention only)"
    yield Change("t_fixup_init", text, sites)
    post = tuple(i for i in sites if i in streams and streams[i].has_residual and streams[i].norm == "post")
    if post:
        alpha, beta = deepnorm_constants(layers)
        text = (
            f"the residual weighs {alpha:.3g} times as much before its normalisation, and {fresh}, those of "
            f"v_proj and o_proj times {beta:.3g} (DeepNorm; attention only)"
        )
        yield Change("deepnorm", text, post)


def t_fixup_scale(layers: int, *, is_decoder: bool) -> float:
    """Factor of value and output weights: 0.67 N^(-1/4) in encoders, (9 N)^(-1/4) in decoders.

    Source: Huang et al. 2020, ICML, "Improving Transformer Optimization Through Better Initialization".
    """
    return float((9 * layers) ** -0.25 if is_decoder else 0.67 * layers**-0.25)


def deepnorm_constants(layers: int) -> tuple[float, float]:
    """α = (2 N)^(1/4) of the residual, β = (8 N)^(-1/4) of the weights, for one stack of N layers.

    Source: Wang et al. 2022, arXiv:2203.00555.
    """
    return float((2 * layers) ** 0.25), float((8 * layers) ** -0.25)


def _has_own_module(trace: Trace, site: AttentionSite) -> bool:
    """Whether a hook on the site's module meets this site alone, once."""
    others = [other for other in trace.sites if other.module == site.module]
    return bool(site.module) and len(others) == 1
