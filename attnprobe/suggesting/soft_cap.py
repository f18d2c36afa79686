"""Scores are bounded smoothly."""

from __future__ import annotations

from attnprobe.records import Replacement, ReplacementOption
from attnprobe.suggesting.modelling.conditions import PRODUCTS

replacement = Replacement(
    name="soft_cap",
    title={"en": "Soft cap of the scores", "zh": "得分软上限"},
    change={
        "en": "Bound the scores to ±{cap}: cap · tanh(scores / cap).",
        "zh": "把得分限制在 ±{cap} 之内：cap · tanh(scores / cap)。",
    },
    exactness="approximate",
    risk="low",
    source="Gemma Team 2024, arXiv:2408.00118, section 2",
    aliases=("logit_soft_cap",),
    options={
        "cap": ReplacementOption(default=50, low="1"),
    },
    fits=(PRODUCTS,),
)
