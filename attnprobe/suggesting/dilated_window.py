"""Every query sees every r-th key of a longer stretch."""

from __future__ import annotations

from attnprobe.records import Replacement, ReplacementOption
from attnprobe.suggesting.modelling.conditions import SELF_ATTENTION
from attnprobe.suggesting.modelling.costs import pair_costs

replacement = Replacement(
    name="dilated_window",
    title={"en": "Dilated window", "zh": "膨胀窗口"},
    change={
        "en": (
            "Let every query see {window_size} keys, {dilation} positions apart; mix with plain windows in "
            "other heads or layers."
        ),
        "zh": "让每个查询看 {window_size} 个键，每隔 {dilation} 个取一个；并在其他头或层中搭配普通窗口。",
    },
    exactness="retrain",
    risk="medium",
    source="Ding et al. 2023, arXiv:2307.02486",
    options={
        "window_size": ReplacementOption(default=1024, low="1", high="reach // 2"),
        "dilation": ReplacementOption(default=2, low="2", high="reach // 2"),
    },
    fits=(SELF_ATTENTION,),
    costs=pair_costs("q_len * min(window_size, kv_len)"),
)
