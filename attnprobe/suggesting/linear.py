"""A feature map in place of the softmax: keys and values become one matrix."""

from __future__ import annotations

from attnprobe.records import Replacement
from attnprobe.suggesting.modelling.conditions import SELF_ATTENTION
from attnprobe.suggesting.modelling.costs import state_costs

replacement = Replacement(
    name="linear",
    title={"en": "Linear attention", "zh": "线性注意力"},
    change={
        "en": (
            "Replace the softmax by a feature map of queries and keys, so that the cost grows with the "
            "length and not with its square."
        ),
        "zh": "以查询和键的特征映射取代 softmax，使开销随长度线性增长而非平方增长。",
    },
    exactness="retrain",
    risk="high",
    source="Katharopoulos et al. 2020, arXiv:2006.16236",
    fits=(SELF_ATTENTION,),
    costs=state_costs("2 * batch * num_heads * (q_len + kv_len) * head_dim * value_dim"),
)
