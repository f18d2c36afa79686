"""Scores of a small network instead of products."""

from __future__ import annotations

from attnprobe.records import Replacement
from attnprobe.suggesting.modelling.conditions import SOFTMAX

replacement = Replacement(
    name="additive",
    title={"en": "Additive attention", "zh": "加性注意力（Bahdanau）"},
    change={
        "en": (
            "Score a query and a key by w · tanh(W q + U k); for short sequences only, since it is about "
            "a hundred times slower than products."
        ),
        "zh": "用 w · tanh(W q + U k) 给查询与键打分；比内积慢约百倍，只适用于短序列。",
    },
    exactness="retrain",
    risk="high",
    source="Bahdanau et al. 2014, arXiv:1409.0473, appendix A.1.2",
    aliases=("bahdanau",),
    fits=(SOFTMAX,),
)
