"""Neighbouring layers share one set of keys and values."""

from __future__ import annotations

from attnprobe.records import Replacement, ReplacementOption
from attnprobe.suggesting.modelling.conditions import CACHED
from attnprobe.suggesting.modelling.costs import cache_costs

replacement = Replacement(
    name="cross_layer_kv",
    title={"en": "Keys and values shared across layers", "zh": "跨层共享键和值"},
    change={
        "en": "Let {layers} neighbouring layers use the keys and values of the first of them.",
        "zh": "让相邻 {layers} 层共用其中第一层的键和值。",
    },
    exactness="retrain",
    risk="medium",
    source="Brandon et al. 2024, arXiv:2405.12981",
    aliases=("cla",),
    options={
        "layers": ReplacementOption(default=2, low="2"),
    },
    fits=(CACHED,),
    costs=cache_costs("1 / layers"),
)
