"""A feature map that is taught to imitate the softmax."""

from __future__ import annotations

from attnprobe.records import Replacement
from attnprobe.suggesting.modelling.conditions import SELF_ATTENTION
from attnprobe.suggesting.modelling.costs import state_costs

replacement = Replacement(
    name="hedgehog",
    title={"en": "Hedgehog", "zh": "Hedgehog"},
    change={
        "en": (
            "Replace the softmax by a learned feature map, taught on the outputs of the attention as it is."
        ),
        "zh": "以可学习的特征映射取代 softmax，并以原注意力的输出来蒸馏训练。",
    },
    exactness="retrain",
    risk="high",
    source="Zhang et al. 2024, arXiv:2402.04347",
    fits=(SELF_ATTENTION,),
    costs=state_costs(
        "2 * batch * num_heads * (q_len + kv_len) * head_dim * (head_dim + 2 * value_dim)", "2 * head_dim"
    ),
)
