"""Heads mix their scores and probabilities."""

from __future__ import annotations

from attnprobe.records import Replacement
from attnprobe.suggesting.modelling.conditions import SELF_ATTENTION, SEVERAL_HEADS

replacement = Replacement(
    name="talking_heads",
    title={"en": "Talking heads", "zh": "互通注意力头"},
    change={
        "en": (
            "Mix scores and probabilities between heads by small learned matrices, started at the "
            "identity; no fused kernel does it."
        ),
        "zh": "用可学习的小矩阵在头之间混合得分与概率，初值取单位阵；没有融合内核支持它。",
    },
    exactness="retrain",
    risk="low",
    source="Shazeer et al. 2020, arXiv:2003.02436",
    fits=(
        SELF_ATTENTION,
        SEVERAL_HEADS,
    ),
)
