"""Channels are weighed, then places."""

from __future__ import annotations

from attnprobe.records import Replacement

replacement = Replacement(
    name="cbam",
    title={"en": "Channel, then spatial attention (CBAM)", "zh": "先通道后空间的注意力（CBAM）"},
    change={
        "en": "Weigh the map by channel, then by place, each from means and maxima.",
        "zh": "依据均值与最大值，先按通道、再按位置为特征图加权。",
    },
    exactness="retrain",
    risk="low",
    source="Woo et al. 2018, arXiv:1807.06521, section 3",
)
