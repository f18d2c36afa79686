"""Keys and values of their own for every query head."""

from __future__ import annotations

from attnprobe.records import FitCondition, Replacement
from attnprobe.suggesting.modelling.conditions import PRODUCTS
from attnprobe.suggesting.modelling.costs import cache_costs

replacement = Replacement(
    name="multi_head",
    title={"en": "Multi-head attention", "zh": "多头注意力（MHA）"},
    change={
        "en": "Give every query head keys and values of its own, started as copies of its group's.",
        "zh": "让每个查询头拥有自己的键和值，初值复制自所在组。",
    },
    exactness="exact",
    risk="none",
    source="Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2",
    aliases=("mha",),
    fits=(
        PRODUCTS,
        FitCondition(
            when="num_kv_heads < num_heads",
            otherwise={
                "en": "every query head has keys and values of its own already",
                "zh": "每个查询头已有自己的键和值",
            },
        ),
    ),
    costs=cache_costs("num_heads / num_kv_heads"),
)
