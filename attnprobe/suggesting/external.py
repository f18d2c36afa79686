"""Tokens attend to a learned memory that all samples share."""

from __future__ import annotations

from attnprobe.records import Replacement, ReplacementOption
from attnprobe.suggesting.modelling.conditions import SEES_ALL, SELF_ATTENTION
from attnprobe.suggesting.modelling.costs import pair_costs

replacement = Replacement(
    name="external",
    title={"en": "External attention", "zh": "外部注意力"},
    change={
        "en": "Attend to {memory_size} learned slots that all samples share, instead of to the other tokens.",
        "zh": "让词元关注所有样本共享的 {memory_size} 个可学习槽位，而不是其他词元。",
    },
    exactness="retrain",
    risk="high",
    source="Guo et al. 2021, arXiv:2105.02358, section 3.2",
    options={"memory_size": ReplacementOption(default=64, low="1", high="kv_len // 2")},
    fits=(
        SELF_ATTENTION,
        SEES_ALL,
    ),
    costs=pair_costs("q_len * memory_size"),
)
