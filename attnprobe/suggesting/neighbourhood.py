"""Every point of a plane sees the points around it."""

from __future__ import annotations

from attnprobe.records import Replacement, ReplacementOption
from attnprobe.suggesting.modelling.conditions import SEES_ALL, SELF_ATTENTION
from attnprobe.suggesting.modelling.costs import pair_costs

replacement = Replacement(
    name="neighbourhood",
    title={"en": "Neighbourhood attention", "zh": "邻域注意力"},
    change={
        "en": "Let every point of the plane see the {kernel_size} x {kernel_size} points around it.",
        "zh": "让平面上的每个点只看其周围 {kernel_size} x {kernel_size} 个点。",
    },
    exactness="approximate",
    risk="medium",
    source="Hassani et al. 2023, arXiv:2204.07143, section 3.1",
    options={"kernel_size": ReplacementOption(default=7, low="3", high="kv_len // 7")},
    fits=(
        SELF_ATTENTION,
        SEES_ALL,
    ),
    costs=pair_costs("q_len * min(kernel_size * kernel_size, kv_len)"),
)
