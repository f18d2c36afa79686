"""Sigmoids in place of the softmax."""

from __future__ import annotations

from attnprobe.records import Replacement
from attnprobe.suggesting.modelling.conditions import SOFTMAX

replacement = Replacement(
    name="sigmoid",
    title={"en": "Sigmoid attention", "zh": "Sigmoid 注意力"},
    change={
        "en": (
            "Weigh every key by the sigmoid of its score minus the logarithm of the visible keys, so that a "
            "query may take nothing."
        ),
        "zh": "用“得分减去可见键数的对数”的 sigmoid 逐键加权，使查询可以什么都不取。",
    },
    exactness="retrain",
    risk="high",
    source="Ramapuram et al. 2024, arXiv:2409.04431, section 2",
    fits=(SOFTMAX,),
)
