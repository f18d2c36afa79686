"""Products without a scale."""

from __future__ import annotations

from attnprobe.records import Replacement
from attnprobe.suggesting.modelling.conditions import SOFTMAX

replacement = Replacement(
    name="dot",
    title={"en": "Dot-product attention without scaling", "zh": "无缩放的点积注意力"},
    change={
        "en": "Leave the scores unscaled; for narrow heads only, since they grow with the width's root.",
        "zh": "不缩放得分；得分随头宽的平方根增大，因此只适用于很窄的头。",
    },
    exactness="retrain",
    risk="high",
    source="Luong et al. 2015, arXiv:1508.04025, section 3.1",
    fits=(SOFTMAX,),
)
