"""Random features that stand for the softmax."""

from __future__ import annotations

from attnprobe.records import Replacement, ReplacementOption
from attnprobe.suggesting.modelling.conditions import SELF_ATTENTION
from attnprobe.suggesting.modelling.costs import core_costs

replacement = Replacement(
    name="performer",
    title={"en": "Performer (FAVOR+)", "zh": "Performer（FAVOR+）"},
    change={
        "en": "Replace the softmax by {features} positive random features of queries and keys.",
        "zh": "用查询和键的 {features} 个正随机特征近似 softmax。",
    },
    exactness="retrain",
    risk="high",
    source="Choromanski et al. 2020, arXiv:2009.14794",
    options={
        "features": ReplacementOption(default=256, low="1", high="reach // 2"),
    },
    fits=(SELF_ATTENTION,),
    costs=core_costs("2 * batch * num_heads * (q_len + kv_len) * features * (head_dim + value_dim)"),
)
