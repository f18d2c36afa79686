"""Scores divided by the root of the heads' width."""

from __future__ import annotations

from attnprobe.records import Replacement
from attnprobe.suggesting.modelling.conditions import SOFTMAX

replacement = Replacement(
    name="scaled_dot",
    title={"en": "Scaled dot-product attention, written out", "zh": "逐步写出的缩放点积注意力"},
    change={
        "en": (
            "Compute scores over the root of the head's width, softmax and values one by one, where the "
            "probabilities are wanted; the fused call is faster."
        ),
        "zh": "在需要概率时，逐步计算除以头宽平方根的得分、softmax 与取值；融合调用更快。",
    },
    exactness="exact",
    risk="none",
    source="Vaswani et al. 2017, arXiv:1706.03762, section 3.2.1",
    fits=(SOFTMAX,),
)
