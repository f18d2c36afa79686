"""Landmarks stand for all queries and keys."""

from __future__ import annotations

from attnprobe.records import Replacement, ReplacementOption
from attnprobe.suggesting.modelling.conditions import SEES_ALL, SELF_ATTENTION
from attnprobe.suggesting.modelling.costs import core_costs

replacement = Replacement(
    name="nystrom",
    title={"en": "Nyström attention", "zh": "Nyström 注意力"},
    change={
        "en": "Approximate the map through {landmarks} landmarks, means of neighbouring queries and keys.",
        "zh": "用 {landmarks} 个地标（相邻查询和键的均值）近似注意力矩阵。",
    },
    exactness="retrain",
    risk="medium",
    source="Xiong et al. 2021, arXiv:2102.03902",
    options={
        "landmarks": ReplacementOption(default=64, low="1", high="reach // 8"),
    },
    fits=(
        SELF_ATTENTION,
        SEES_ALL,
    ),
    costs=core_costs(
        "2 * batch * num_heads * landmarks * ((q_len + kv_len + landmarks) * head_dim + (q_len + "
        "kv_len) * value_dim + 24 * landmarks * landmarks)"
    ),
)
