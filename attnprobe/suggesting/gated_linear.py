"""A matrix of keys and values that forgets as each token says."""

from __future__ import annotations

from attnprobe.records import Replacement
from attnprobe.suggesting.modelling.conditions import CACHED
from attnprobe.suggesting.modelling.costs import state_costs

replacement = Replacement(
    name="gated_linear",
    title={"en": "Gated linear attention", "zh": "门控线性注意力"},
    change={
        "en": (
            "Keep one matrix of keys and values in place of a cache, with a gate on its "
            "features from each token."
        ),
        "zh": "以一个键值矩阵取代缓存，并由每个词元给出各特征的遗忘门。",
    },
    exactness="retrain",
    risk="high",
    source="Yang et al. 2023, arXiv:2312.06635",
    fits=(CACHED,),
    costs=state_costs("2 * batch * num_heads * (q_len + kv_len) * head_dim * value_dim"),
)
