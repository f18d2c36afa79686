"""A summary by a learned query."""

from __future__ import annotations

from attnprobe.records import Replacement, ReplacementOption
from attnprobe.suggesting.modelling.conditions import SEES_ALL

replacement = Replacement(
    name="attention_pooling",
    title={"en": "Attention pooling", "zh": "注意力池化"},
    change={
        "en": "In the last layer, let {num_queries} learned queries read all tokens, in place of their mean.",
        "zh": "在最后一层用 {num_queries} 个可学习的查询读取全部词元，代替取平均。",
    },
    exactness="retrain",
    risk="medium",
    source="Lee et al. 2019, arXiv:1810.00825, section 3.2",
    options={
        "num_queries": ReplacementOption(default=1, low="1"),
    },
    fits=(SEES_ALL,),
)
