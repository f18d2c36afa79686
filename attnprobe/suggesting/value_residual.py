"""Later layers see the values of the first."""

from __future__ import annotations

from attnprobe.records import Replacement
from attnprobe.suggesting.modelling.conditions import PRODUCTS

replacement = Replacement(
    name="value_residual",
    title={"en": "Residual of the values", "zh": "值残差"},
    change={
        "en": (
            "Add the values of the first layer to those of the later ones, with a learned factor that "
            "starts at 0."
        ),
        "zh": "把第一层的值加到后续各层的值上，权重可学习、初值为 0。",
    },
    exactness="retrain",
    risk="low",
    source="Zhou et al. 2024, arXiv:2410.17897",
    fits=(PRODUCTS,),
)
