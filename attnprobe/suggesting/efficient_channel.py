"""Channels are weighed by their neighbours among the channels."""

from __future__ import annotations

from attnprobe.records import Replacement

replacement = Replacement(
    name="efficient_channel",
    title={"en": "Efficient channel attention", "zh": "高效通道注意力（ECA）"},
    change={
        "en": (
            "Weigh every channel of the map by a short convolution over the means of the channels, "
            "without a bottleneck."
        ),
        "zh": "用通道均值上的短卷积为每个通道加权，不设瓶颈层。",
    },
    exactness="retrain",
    risk="low",
    source="Wang et al. 2020, arXiv:1910.03151, section 3.3",
)
