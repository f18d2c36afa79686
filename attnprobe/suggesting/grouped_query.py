"""Several query heads share one key-value head."""

from __future__ import annotations

from attnprobe.records import Replacement, ReplacementOption
from attnprobe.suggesting.modelling.conditions import PRODUCTS, SEVERAL_KV_HEADS
from attnprobe.suggesting.modelling.costs import cache_costs

replacement = Replacement(
    name="grouped_query",
    title={"en": "Grouped-query attention", "zh": "分组查询注意力（GQA）"},
    change={
        "en": (
            "Let the query heads share {groups} key-value heads; start from the means of the merged heads, "
            "aligned first where positions allow."
        ),
        "zh": "让查询头共享 {groups} 个键值头；以合并各头的均值为初值，位置编码允许时先对齐。",
    },
    exactness="retrain",
    risk="medium",
    source="Ainslie et al. 2023, arXiv:2305.13245",
    aliases=("gqa",),
    options={
        "groups": ReplacementOption(
            default="divisor(num_kv_heads, max(1, num_kv_heads // 4))", low="1", high="num_kv_heads - 1"
        ),
    },
    fits=(
        PRODUCTS,
        SEVERAL_KV_HEADS,
    ),
    costs=cache_costs("groups / num_kv_heads"),
)
