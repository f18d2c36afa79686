"""Keys and values are rebuilt from one small vector per token, and only that is cached."""

from __future__ import annotations

from attnprobe.records import Replacement, ReplacementOption
from attnprobe.suggesting.modelling.conditions import PRODUCTS, SEVERAL_KV_HEADS
from attnprobe.suggesting.modelling.costs import cache_costs

replacement = Replacement(
    name="latent",
    title={"en": "Multi-head latent attention", "zh": "多头潜在注意力（MLA）"},
    change={
        "en": (
            "Cache one vector of {rank} numbers per token and make keys and values from it, starting from "
            "the SVD of their projections; rotary positions need a small key of their own."
        ),
        "zh": (
            "每个词元只缓存一个 {rank} 维向量，由它生成键和值，并以二者投影的 SVD 为初值；"
            "旋转位置编码需要另留一小段键。"
        ),
    },
    exactness="approximate",
    risk="medium",
    source="DeepSeek-AI 2024, arXiv:2405.04434, section 2.1",
    aliases=(
        "mla",
        "low_rank_kv",
    ),
    options={
        "rank": ReplacementOption(
            default="ceil(num_kv_heads * (head_dim + value_dim) / 4)",
            low="1",
            high="num_kv_heads * (head_dim + value_dim) - 1",
        ),
    },
    fits=(
        PRODUCTS,
        SEVERAL_KV_HEADS,
    ),
    costs=cache_costs("rank / (num_kv_heads * (head_dim + value_dim))"),
)
