"""Only the largest scores of every query are kept."""

from __future__ import annotations

from attnprobe.records import Replacement, ReplacementOption
from attnprobe.suggesting.modelling.conditions import SELF_ATTENTION

replacement = Replacement(
    name="top_k",
    title={"en": "Top-k attention", "zh": "Top-k 注意力"},
    change={
        "en": "Keep the {keys} largest scores of every query.",
        "zh": "每个查询只保留得分最高的 {keys} 个键。",
    },
    exactness="approximate",
    risk="low",
    source="Gupta et al. 2021, arXiv:2106.06899",
    options={
        "keys": ReplacementOption(default=32, low="1", high="reach - 1"),
    },
    fits=(SELF_ATTENTION,),
)
