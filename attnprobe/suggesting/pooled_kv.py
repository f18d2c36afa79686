"""Keys and values are averaged over neighbours."""

from __future__ import annotations

from attnprobe.records import Replacement, ReplacementOption
from attnprobe.suggesting.modelling.conditions import SEES_ALL, SELF_ATTENTION
from attnprobe.suggesting.modelling.costs import pair_costs

replacement = Replacement(
    name="pooled_kv",
    title={"en": "Pooled keys and values", "zh": "池化键和值"},
    change={
        "en": "Average keys and values over stretches of {stride} positions (of the plane, for images).",
        "zh": "对每段 {stride} 个位置的键和值取平均（图像则在平面上取平均）。",
    },
    exactness="retrain",
    risk="medium",
    source="Wang et al. 2021, arXiv:2102.12122, section 3.3",
    aliases=("spatial_reduction",),
    options={
        "stride": ReplacementOption(default=4, low="2", high="reach // 8"),
    },
    fits=(
        SELF_ATTENTION,
        SEES_ALL,
    ),
    costs=pair_costs("q_len * ceil(kv_len / stride)"),
)
