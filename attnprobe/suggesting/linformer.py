"""Keys and values are projected to a fixed number of positions."""

from __future__ import annotations

from attnprobe.records import Replacement, ReplacementOption
from attnprobe.suggesting.modelling.conditions import SEES_ALL, SELF_ATTENTION
from attnprobe.suggesting.modelling.costs import core_costs

replacement = Replacement(
    name="linformer",
    title={"en": "Linformer", "zh": "Linformer"},
    change={
        "en": "Project keys and values along the length to {rank} positions; the length is then fixed.",
        "zh": "把键和值沿长度投影到 {rank} 个位置；此后长度固定。",
    },
    exactness="retrain",
    risk="high",
    source="Wang et al. 2020, arXiv:2006.04768",
    options={
        "rank": ReplacementOption(default=256, low="1", high="reach // 4"),
    },
    fits=(
        SELF_ATTENTION,
        SEES_ALL,
    ),
    costs=core_costs(
        "2 * batch * rank * (num_heads * q_len + num_kv_heads * kv_len) * (head_dim + value_dim)"
    ),
)
