"""Every query sees only the keys near to it."""

from __future__ import annotations

from attnprobe.records import Replacement, ReplacementOption
from attnprobe.suggesting.modelling.conditions import SELF_ATTENTION
from attnprobe.suggesting.modelling.costs import pair_costs

replacement = Replacement(
    name="sliding_window",
    title={"en": "Sliding-window attention", "zh": "滑动窗口注意力"},
    change={
        "en": "Let every query see its {window_size} nearest keys only.",
        "zh": "让每个查询只看最近的 {window_size} 个键。",
    },
    exactness="approximate",
    risk="medium",
    source="Beltagy et al. 2020, arXiv:2004.05150, section 3.1",
    options={
        "window_size": ReplacementOption(default=1024, low="1", high="reach // 2"),
    },
    fits=(SELF_ATTENTION,),
    costs={
        **pair_costs("q_len * min(window_size, kv_len)"),
        "kv_cache_bytes": "kv_cache_bytes_per_token * min(window_size, kv_len)",
    },
)
