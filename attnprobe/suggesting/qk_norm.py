"""Queries and keys are normalised before they meet."""

from __future__ import annotations

from attnprobe.records import Replacement
from attnprobe.suggesting.modelling.conditions import PRODUCTS

replacement = Replacement(
    name="qk_norm",
    title={"en": "Normalised queries and keys", "zh": "查询与键归一化（QK-norm）"},
    change={
        "en": "Normalise queries and keys per head, with a learned scale.",
        "zh": "逐头对查询和键做归一化，并配一个可学习的缩放。",
    },
    exactness="retrain",
    risk="medium",
    source="Henry et al. 2020, arXiv:2010.04245; Dehghani et al. 2023, arXiv:2302.05442",
    fits=(PRODUCTS,),
)
