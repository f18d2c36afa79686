"""Rows of a plane, then its columns."""

from __future__ import annotations

from attnprobe.records import Replacement
from attnprobe.suggesting.modelling.conditions import SEES_ALL, SELF_ATTENTION

replacement = Replacement(
    name="axial",
    title={"en": "Axial attention", "zh": "轴向注意力"},
    change={
        "en": "Attend along the rows of the plane, then along its columns, each with projections of its own.",
        "zh": "先沿平面的行、再沿其列做注意力，各用自己的投影。",
    },
    exactness="retrain",
    risk="medium",
    source="Ho et al. 2019, arXiv:1912.12180, section 3",
    fits=(
        SELF_ATTENTION,
        SEES_ALL,
    ),
)
