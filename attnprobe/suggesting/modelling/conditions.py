"""Conditions that many replacements share."""

from __future__ import annotations

from attnprobe.records import FitCondition

SELF_ATTENTION = FitCondition(
    when='role == "self" and mechanism == "dot_product" and q_len > 1 and windows == 1',
    otherwise={
        "en": "it is for self-attention of many queries with products as scores, not cut into windows",
        "zh": "适用于多个查询、以内积为得分、未切分窗口的自注意力",
    },
)
SEES_ALL = FitCondition(
    when="not is_causal",
    otherwise={
        "en": "it mixes positions, so it is for attention that may see all of them",
        "zh": "它会混合位置，因此只适用于可以看到全部位置的注意力",
    },
)
CACHED = FitCondition(
    when='role == "self" and mechanism == "dot_product" and is_causal',
    otherwise={
        "en": "it is for causal self-attention, which keeps a cache",
        "zh": "适用于保留缓存的因果自注意力",
    },
)
PRODUCTS = FitCondition(
    when='mechanism == "dot_product"',
    otherwise={"en": "it is for products of queries and keys", "zh": "适用于以查询与键的内积为得分的注意力"},
)
SOFTMAX = FitCondition(
    when='mechanism == "dot_product" and normaliser == "softmax"',
    otherwise={
        "en": "it is for a softmax over products of queries and keys",
        "zh": "适用于对查询与键的内积做 softmax 的注意力",
    },
)
SEVERAL_HEADS = FitCondition(
    when="num_heads > 1", otherwise={"en": "there is one head only", "zh": "只有一个头"}
)
SEVERAL_KV_HEADS = FitCondition(
    when="num_kv_heads > 1", otherwise={"en": "there is one key-value head only", "zh": "只有一个键值头"}
)
WRITTEN_OUT = FitCondition(
    when="sdpa_equivalent == 1 or unused_weights_returned == 1",
    otherwise={
        "en": "it is fused already, or does between scores and values what the fused call cannot do",
        "zh": "它已是融合调用，或在得分与取值之间做了融合调用无法完成的运算",
    },
)
FUSABLE = FitCondition(
    when='kernel != "unfused" or sdpa_equivalent == 1 or unused_weights_returned == 1',
    otherwise={
        "en": "between scores and values it does what the fused call cannot do",
        "zh": "它在得分与取值之间做了融合调用无法完成的运算",
    },
)
