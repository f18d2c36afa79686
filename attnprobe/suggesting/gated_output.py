"""A learned gate behind each head."""

from __future__ import annotations

from attnprobe.records import Replacement
from attnprobe.suggesting.modelling.conditions import PRODUCTS

replacement = Replacement(
    name="gated_output",
    title={"en": "Gated attention output", "zh": "门控注意力输出"},
    change={
        "en": (
            "Multiply the output of every head by a gate computed from the token; start it at 1, which "
            "changes nothing."
        ),
        "zh": "把每个头的输出乘以由词元算出的门；初值取 1，不改变输出。",
    },
    exactness="retrain",
    risk="low",
    source="Qiu et al. 2025, arXiv:2505.06708",
    aliases=("gated_attention",),
    fits=(PRODUCTS,),
)
