"""A few agents gather the values and hand them out."""

from __future__ import annotations

from attnprobe.records import Replacement, ReplacementOption
from attnprobe.suggesting.modelling.conditions import SEES_ALL, SELF_ATTENTION
from attnprobe.suggesting.modelling.costs import core_costs

replacement = Replacement(
    name="agent",
    title={"en": "Agent attention", "zh": "代理注意力"},
    change={
        "en": (
            "Let {agents} agents, means of neighbouring queries, gather the values and hand "
            "them to the queries."
        ),
        "zh": "由 {agents} 个代理（相邻查询的均值）先汇集值，再分发给各查询。",
    },
    exactness="retrain",
    risk="high",
    source="Han et al. 2023, arXiv:2312.08874",
    options={"agents": ReplacementOption(default=64, low="1", high="reach // 4")},
    fits=(
        SELF_ATTENTION,
        SEES_ALL,
    ),
    costs=core_costs("2 * batch * num_heads * agents * (q_len + kv_len) * (head_dim + value_dim)"),
)
