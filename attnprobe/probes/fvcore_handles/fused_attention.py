"""Handles for attention that runs as one op. Every handle returns multiply-adds of a dense L x S square."""

from __future__ import annotations

from math import prod
from typing import Any

from attnprobe.probes.fvcore_handles.values import Handle, shape


def scaled_dot_product(inputs: list[Any], outputs: list[Any]) -> int:
    """query [..., L, D], key [..., S, D], value [..., S, D_v] -> [..., L, D_v]: every pair costs D + D_v."""
    query, key, value = (shape(item) for item in inputs[:3])
    pairs = prod(shape(outputs[0])[:-1]) * key[-2]
    return pairs * (query[-1] + value[-1])


def native_attention(inputs: list[Any], outputs: list[Any]) -> int:
    """Fast path of `nn.MultiheadAttention`: (query, key, value, embed_dim, num_heads, qkv_weight, …)."""
    query, key = shape(inputs[0]), shape(inputs[1])
    return _attention(query, key)


def encoder_layer(inputs: list[Any], outputs: list[Any]) -> int:
    """Fast path of `nn.TransformerEncoderLayer`: src [B, S, E] first, feed-forward weights 14th and 16th."""
    src, up, down = (shape(inputs[index]) for index in (0, 14, 16))
    return _attention(src, src) + prod(src[:-1]) * (prod(up) + prod(down))


def _attention(query: tuple[int, ...], key: tuple[int, ...]) -> int:
    """Query and output projection, key and value projection, scores and values; [B, L, E], [B, S, E]."""
    batch_size, q_len, embed_dim = query
    kv_len = key[1]
    projections = 2 * (q_len + kv_len) * embed_dim * embed_dim
    return batch_size * (projections + 2 * q_len * kv_len * embed_dim)


FUSED_ATTENTION: dict[str, Handle] = {
    **dict.fromkeys(
        (
            "aten::scaled_dot_product_attention",
            "aten::_scaled_dot_product_flash_attention_for_cpu",
            "aten::_scaled_dot_product_flash_attention",
            "aten::_scaled_dot_product_efficient_attention",
            "aten::_scaled_dot_product_cudnn_attention",
            "aten::_scaled_dot_product_attention_math",
        ),
        scaled_dot_product,
    ),
    "aten::_native_multi_head_attention": native_attention,
    "aten::_transformer_encoder_layer_fwd": encoder_layer,
}
