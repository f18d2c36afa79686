"""Attention that runs as one op of torch.

Forward, per pair of a query and a key of one head: a product of width D for the score and one of width D_v
for the value, 2 FLOPs for each multiply-add. Backward of a fused kernel: the scores are computed again, and
each of the gradients of query, key (width D), value and probabilities (width D_v) is one product: 2.5
forwards when D = D_v. Causality and windows do not lower these nominal counts; `flops_useful` and
`flops_executed` say what they leave. Source: Dao 2023, arXiv:2307.08691, section 2.
"""

from __future__ import annotations

from math import prod

from attnprobe.probes.counting.call import OpCall, Shape
from attnprobe.probes.counting.formulas import Flops, attention_formula


def forward_flops(pairs: int, head_dim: int, value_dim: int) -> Flops:
    """FLOPs of one forward; `pairs` is batch · heads · queries · keys."""
    return Flops(scores=2 * pairs * head_dim, values=2 * pairs * value_dim)


def backward_flops(pairs: int, head_dim: int, value_dim: int) -> Flops:
    """FLOPs of one backward that recomputes the scores."""
    return Flops(scores=6 * pairs * head_dim, values=4 * pairs * value_dim)


def heads_first(query: Shape, key: Shape, value: Shape) -> tuple[int, int, int]:
    """(pairs, D, D_v) of query [..., H, L, D], key [..., G, S, D], value [..., G, S, D_v].

    Leading dims broadcast; fewer key heads (grouped queries) do not lower the work.
    """
    rank = max(len(query), len(key), len(value)) - 2
    padded = [(1,) * (rank - len(shape) + 2) + shape[:-2] for shape in (query, key, value)]
    lead = prod(max(sizes) for sizes in zip(*padded, strict=True))
    return lead * query[-2] * key[-2], query[-1], value[-1]


def tokens_first(query: Shape, key: Shape, value: Shape) -> tuple[int, int, int]:
    """(pairs, D, D_v) of query [B, L, H, D], key [B, S, G, D], value [B, S, G, D_v]."""
    batch, q_len, heads, head_dim = query
    return batch * heads * q_len * key[1], head_dim, value[-1]


def packed(query: Shape, value: Shape, sequences: int, max_q: int, max_k: int) -> tuple[int, int, int]:
    """(pairs, D, D_v) of sequences laid end to end, query [tokens, H, D] or [1, tokens, H, D].

    Their lengths are values, which a trace does not hold: every sequence counts at the longest length, an
    upper bound that is exact when all are equally long.
    """
    return sequences * query[-2] * max_q * max_k, query[-1], value[-1]


@attention_formula(
    "aten.scaled_dot_product_attention", "aten._scaled_dot_product_attention_math",
    "aten._scaled_dot_product_attention_math_for_mps", "aten._scaled_dot_product_flash_attention",
    "aten._scaled_dot_product_flash_attention_for_cpu", "aten._scaled_dot_product_efficient_attention",
    "aten._scaled_dot_product_cudnn_attention", "aten._scaled_dot_product_fused_attention_overrideable",
    "aten._cudnn_attention_forward", "aten._triton_scaled_dot_attention", "flex_attention",
)  # fmt: skip
def scaled_dot_product(call: OpCall) -> Flops:
    """query, key, value first, heads before tokens."""
    return forward_flops(*heads_first(call.shape(0), call.shape(1), call.shape(2)))


@attention_formula(
    "aten._scaled_dot_product_flash_attention_backward",
    "aten._scaled_dot_product_flash_attention_for_cpu_backward",
    "aten._scaled_dot_product_efficient_attention_backward",
    "aten._scaled_dot_product_cudnn_attention_backward",
    "aten._scaled_dot_product_fused_attention_overrideable_backward", "aten._cudnn_attention_backward",
)  # fmt: skip
def scaled_dot_product_backward(call: OpCall) -> Flops:
    """grad_out, query, key, value first, heads before tokens."""
    return backward_flops(*heads_first(call.shape(1), call.shape(2), call.shape(3)))


@attention_formula("flex_attention_backward")
def flex_attention_backward(call: OpCall) -> Flops:
    """query, key, value first: the higher-order op keeps the order of its forward."""
    return backward_flops(*heads_first(call.shape(0), call.shape(1), call.shape(2)))


@attention_formula("aten._flash_attention_forward")
def flash_attention(call: OpCall) -> Flops:
    """(query [B, L, H, D], key, value, cum_seq_q, cum_seq_k, max_q, max_k, …): tokens before heads."""
    return forward_flops(*maybe_packed(call, first=0, offsets=3, longest=5))


@attention_formula("aten._flash_attention_forward_no_dropout_inplace")
def flash_attention_inplace(call: OpCall) -> Flops:
    """(out, query [B, L, H, D], key, value, cum_seq_q, cum_seq_k, max_q, max_k, …)."""
    return forward_flops(*maybe_packed(call, first=1, offsets=4, longest=6))


@attention_formula("aten._flash_attention_backward")
def flash_attention_backward(call: OpCall) -> Flops:
    """(grad_out, query, key, value, out, logsumexp, cum_seq_q, cum_seq_k, max_q, max_k, …)."""
    return backward_flops(*maybe_packed(call, first=1, offsets=6, longest=8))


@attention_formula("aten._efficient_attention_forward")
def efficient_attention(call: OpCall) -> Flops:
    """(query [B, L, H, D], key, value, bias, cu_seqlens_q, cu_seqlens_k, max_q, max_k, …)."""
    return forward_flops(*maybe_packed(call, first=0, offsets=4, longest=6))


@attention_formula("aten._efficient_attention_backward")
def efficient_attention_backward(call: OpCall) -> Flops:
    """(grad_out, query, key, value, bias, out, cu_seqlens_q, cu_seqlens_k, max_q, max_k, …)."""
    return backward_flops(*maybe_packed(call, first=1, offsets=6, longest=8))


def maybe_packed(call: OpCall, *, first: int, offsets: int, longest: int) -> tuple[int, int, int]:
    """Dense when there are no offsets, else packed. The arguments are positions in the call."""
    query, key, value = (call.shape(first + index) for index in range(3))
    starts = call.tensor(offsets)
    if starts is None:
        return tokens_first(query, key, value)
    return packed(query, value, starts.shape[0] - 1, call.argument(longest), call.argument(longest + 1))


@attention_formula("aten._native_multi_head_attention", "aten._triton_multi_head_attention")
def multi_head_attention(call: OpCall) -> Flops:
    """The fast path of `nn.MultiheadAttention`: query [B, L, E], key and value [B, S, E]."""
    (batch, q_len, width), kv_len = call.shape(0), call.shape(1)[1]
    projections = 2 * batch * width * width * (2 * q_len + 2 * kv_len)
    return _with_projections(batch * q_len * kv_len, width, projections)


@attention_formula("aten._transformer_encoder_layer_fwd")
def encoder_layer(call: OpCall) -> Flops:
    """The fast path of `nn.TransformerEncoderLayer`: src [B, S, E], attention and feed-forward in one op."""
    batch, seq_len, width = call.shape(0)
    core = _with_projections(batch * seq_len * seq_len, width, 2 * batch * seq_len * 4 * width * width)
    weights = prod(call.shape(14)) + prod(call.shape(16))
    return Flops(
        plain=2 * batch * seq_len * weights,
        scores=core.scores,
        values=core.values,
        projections=core.projections,
    )


def _with_projections(pairs: int, width: int, projections: int) -> Flops:
    """All heads together are as wide as the model, so the core needs no number of heads."""
    return Flops(scores=2 * pairs * width, values=2 * pairs * width, projections=projections)
