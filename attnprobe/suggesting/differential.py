"""The difference of two maps."""

from __future__ import annotations

from attnprobe.records import Replacement
from attnprobe.suggesting.modelling.conditions import SOFTMAX

replacement = Replacement(
    name="differential",
    title={"en": "Differential attention", "zh": "差分注意力"},
    change={
        "en": "Subtract a second map, weighed by a learned factor that starts at 0.",
        "zh": "减去第二个注意力矩阵，其权重可学习、初值为 0。",
    },
    exactness="retrain",
    risk="low",
    source="Ye et al. 2024, arXiv:2410.05258",
    fits=(SOFTMAX,),
)
