"""All query heads share one key-value head."""

from __future__ import annotations

from attnprobe.records import Replacement
from attnprobe.suggesting.modelling.conditions import PRODUCTS, SEVERAL_KV_HEADS
from attnprobe.suggesting.modelling.costs import cache_costs

replacement = Replacement(
    name="multi_query",
    title={"en": "Multi-query attention", "zh": "多查询注意力（MQA）"},
    change={
        "en": "Let all query heads share one key-value head.",
        "zh": "让所有查询头共享一个键值头。",
    },
    exactness="retrain",
    risk="high",
    source="Shazeer 2019, arXiv:1911.02150",
    aliases=("mqa",),
    fits=(
        PRODUCTS,
        SEVERAL_KV_HEADS,
    ),
    costs=cache_costs("1 / num_kv_heads"),
)
