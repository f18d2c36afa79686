"""Branches are weighed against each other."""

from __future__ import annotations

from attnprobe.records import Replacement

replacement = Replacement(
    name="gated_fusion",
    title={"en": "Gated fusion of attentions", "zh": "注意力的门控融合"},
    change={
        "en": "Weigh the branches by a learned gate per token, started at equal weights.",
        "zh": "用逐词元的可学习门为各支加权，初值取等权。",
    },
    exactness="retrain",
    risk="low",
    source="Shen et al. 2018, arXiv:1709.04696, section 3.2",
)
