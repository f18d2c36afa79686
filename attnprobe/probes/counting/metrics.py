"""The metric dictionary of the FLOP counter."""

from __future__ import annotations

from attnprobe.records import Metric

_COUNTED = "Every ATen op of a captured step, by a formula per op; one multiply-add is 2 FLOPs. "
_NOT_FLOPS = "Bias additions, softmax, normalisation, other elementwise work: see elementwise_operations. "


def _metric(name: str, title: str, method: str, not_said: str = "", *, unit: str = "FLOP") -> Metric:
    return Metric(
        name=name,
        title=title,
        unit=unit,
        level="site",
        exactness="exact",
        method=method,
        source="torch 2.13, FlashAttentionKernel.cpp" if name == "flops_executed" else "",
        not_said=not_said,
    )


FLOP_METRICS = (
    _metric(
        "flops_forward",
        "FLOPs of the forward pass",
        _COUNTED + "A site has its projections, its core, and what prepares its positions, masks and copies.",
        _NOT_FLOPS + "Masks do not lower it: see flops_useful.",
    ),
    _metric(
        "flops_backward",
        "FLOPs of the backward pass",
        _COUNTED + "A backward op belongs to the forward op of its autograd node. Recomputation is included.",
        _NOT_FLOPS + "The loss outside the model and the optimizer are not included.",
    ),
    _metric(
        "flops_recomputed",
        "FLOPs of the forward that activation checkpointing runs again",
        _COUNTED + "The forward ops that run during the backward pass; a part of flops_backward.",
    ),
    _metric(
        "flops_scores",
        "FLOPs of the scores, query times key",
        "2 · batch · heads · L · S · head_dim for dot-product attention.",
        _NOT_FLOPS,
    ),
    _metric(
        "flops_values",
        "FLOPs of the weighted sum of values",
        "2 · batch · heads · L · S · value_dim for dot-product attention.",
        _NOT_FLOPS,
    ),
    _metric(
        "flops_core",
        "FLOPs of the attention core: scores, normaliser, values",
        "flops_scores + flops_values + any product between them; dense, as if nothing were masked.",
        _NOT_FLOPS,
    ),
    _metric(
        "flops_projections",
        "FLOPs of the query, key, value and output projections",
        _COUNTED + "The products with the weights that make query, key and value and that take the output.",
        "A projection that feeds several sites is counted at one of them.",
    ),
    _metric(
        "flops_useful",
        "FLOPs of the core that reach a visible pair of query and key",
        "flops_core · visible pairs / (L · S); pairs from the causal flag or the values of the mask.",
        "Whether what a query may see matters to it. Padding is useful where no mask hides it.",
    ),
    _metric(
        "flops_executed",
        "FLOPs of the core that the kernel executes",
        "flops_core · computed pairs / (L · S). Matrix products and masked kernels compute every pair. With "
        "is_causal, torch's CPU flash kernel skips the blocks of 512 keys that begin after the last query of "
        "a block of 32, 64 (192 queries or more) or 256 (768 or more) queries.",
        "Not known for GPU kernels that skip blocks of a causal or windowed attention.",
    ),
    _metric(
        "elementwise_operations",
        "Elementwise operations of the forward pass",
        "One per element that an elementwise op writes, one per element that a reduction reads.",
        "What they cost: memory traffic bounds them. Inside fused kernels they are not seen.",
        unit="operation",
    ),
    _metric(
        "copy_bytes",
        "Bytes written by ops that only move data in the forward pass",
        "Size of the result of every copy, concatenation, gather, repeat and cast in memory of its own.",
        "Copies inside matrix products and fused kernels.",
        unit="byte",
    ),
    _metric(
        "core_flops_share",
        "Share of the core in the forward FLOPs",
        "flops_core / flops_forward, of the site or of the model.",
        "The share of time: attention is often bound by memory.",
        unit="1",
    ),
    Metric(
        name="attention_flops_share",
        title="Share of attention in the model's forward FLOPs",
        unit="1",
        level="model",
        exactness="exact",
        method="Sum of the sites' flops_forward / the model's flops_forward.",
        not_said="The share of time: attention is often bound by memory.",
    ),
)
