"""Channels are weighed by what the whole map holds."""

from __future__ import annotations

from attnprobe.records import Replacement

replacement = Replacement(
    name="squeeze_excitation",
    title={"en": "Squeeze-and-excitation", "zh": "挤压与激励（SE）"},
    change={
        "en": "Weigh every channel of the map by a small network over the means of all channels.",
        "zh": "由各通道均值经小网络得出权重，为特征图的每个通道加权。",
    },
    exactness="retrain",
    risk="low",
    source="Hu et al. 2018, arXiv:1709.01507, section 3",
)
