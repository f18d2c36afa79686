"""Every block of queries sees some blocks of keys."""

from __future__ import annotations

from attnprobe.records import Replacement, ReplacementOption
from attnprobe.suggesting.modelling.conditions import SELF_ATTENTION
from attnprobe.suggesting.modelling.costs import pair_costs

replacement = Replacement(
    name="block_sparse",
    title={"en": "Block-sparse attention", "zh": "块稀疏注意力"},
    change={
        "en": (
            "Let every block of {block_size} queries see {blocks} blocks of keys: near ones, global ones "
            "and a few far ones."
        ),
        "zh": "让每块 {block_size} 个查询看 {blocks} 块键：邻近块、全局块和少量远处的块。",
    },
    exactness="retrain",
    risk="medium",
    source="Zaheer et al. 2020, arXiv:2007.14062",
    options={
        "block_size": ReplacementOption(default=64, low="1", high="reach // 4"),
        "blocks": ReplacementOption(default=8, low="1", high="reach // (2 * 64)"),
    },
    fits=(SELF_ATTENTION,),
    costs=pair_costs("q_len * min(blocks * block_size, kv_len)"),
)
