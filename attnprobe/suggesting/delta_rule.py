"""A matrix in which a new value replaces what its key held."""

from __future__ import annotations

from attnprobe.records import Replacement
from attnprobe.suggesting.modelling.conditions import CACHED
from attnprobe.suggesting.modelling.costs import state_costs

replacement = Replacement(
    name="delta_rule",
    title={"en": "Delta rule", "zh": "Delta 规则"},
    change={
        "en": (
            "Keep one matrix of keys and values in place of a cache; a new value replaces what its key held."
        ),
        "zh": "以一个键值矩阵取代缓存；新的值会替换其键原先保存的内容。",
    },
    exactness="retrain",
    risk="high",
    source="Yang et al. 2024, arXiv:2406.06484",
    fits=(CACHED,),
    costs=state_costs("4 * batch * num_heads * (q_len + kv_len) * head_dim * value_dim"),
)
