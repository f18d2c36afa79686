"""Channels are weighed per row and per column."""

from __future__ import annotations

from attnprobe.records import Replacement

replacement = Replacement(
    name="coordinate",
    title={"en": "Coordinate attention", "zh": "坐标注意力"},
    change={
        "en": (
            "Weigh every channel of the map per row and per column, so that the gate knows where things are."
        ),
        "zh": "按行和按列为每个通道加权，使门控保留位置信息。",
    },
    exactness="retrain",
    risk="low",
    source="Hou et al. 2021, arXiv:2103.02907, section 3.2",
)
