"""Products without a softmax that fade with distance."""

from __future__ import annotations

from attnprobe.records import Replacement
from attnprobe.suggesting.modelling.conditions import CACHED
from attnprobe.suggesting.modelling.costs import state_costs

replacement = Replacement(
    name="retention",
    title={"en": "Retention", "zh": "保留机制（Retention）"},
    change={
        "en": (
            "Replace the softmax by a decay with distance at a rate of each head; the cache "
            "becomes one matrix."
        ),
        "zh": "以每个头固定速率的距离衰减取代 softmax；缓存变为一个矩阵。",
    },
    exactness="retrain",
    risk="high",
    source="Sun et al. 2023, arXiv:2307.08621",
    fits=(CACHED,),
    costs=state_costs("2 * batch * num_heads * (q_len + kv_len) * head_dim * value_dim"),
)
