"""Rectified queries and keys, weighted by the cosine of their distance."""

from __future__ import annotations

from attnprobe.records import Replacement, ReplacementOption
from attnprobe.suggesting.modelling.conditions import SELF_ATTENTION
from attnprobe.suggesting.modelling.costs import state_costs

replacement = Replacement(
    name="cosformer",
    title={"en": "cosFormer", "zh": "cosFormer"},
    change={
        "en": (
            "Replace the softmax by rectified features, weighted by the cosine of the distance "
            "up to {max_len} tokens."
        ),
        "zh": "以 ReLU 特征取代 softmax，并按距离的余弦加权（最长 {max_len} 个词元）。",
    },
    exactness="retrain",
    risk="high",
    source="Qin et al. 2022, arXiv:2202.08791",
    options={"max_len": ReplacementOption(default="kv_len", low="kv_len")},
    fits=(SELF_ATTENTION,),
    costs=state_costs("4 * batch * num_heads * (q_len + kv_len) * head_dim * value_dim", "2 * head_dim"),
)
