"""Every query picks the blocks of keys that it attends to."""

from __future__ import annotations

from attnprobe.records import Replacement, ReplacementOption
from attnprobe.suggesting.modelling.conditions import SELF_ATTENTION
from attnprobe.suggesting.modelling.costs import pair_costs

replacement = Replacement(
    name="mixture_of_blocks",
    title={"en": "Mixture of block attention", "zh": "混合块注意力（MoBA）"},
    change={
        "en": (
            "Let every query attend to the {blocks} blocks of {block_size} keys whose mean key fits it best."
        ),
        "zh": "让每个查询只关注平均键与其最匹配的 {blocks} 块键（每块 {block_size} 个）。",
    },
    exactness="approximate",
    risk="low",
    source="Lu et al. 2025, arXiv:2502.13189",
    aliases=("moba",),
    options={
        "block_size": ReplacementOption(default=64, low="1", high="reach // 4"),
        "blocks": ReplacementOption(default=4, low="1", high="reach // (2 * 64)"),
    },
    fits=(SELF_ATTENTION,),
    costs=pair_costs("q_len * (min(blocks * block_size, kv_len) + ceil(kv_len / block_size) / 2)"),
)
