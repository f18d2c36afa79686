"""The first keys and those near to the query."""

from __future__ import annotations

from attnprobe.records import Replacement, ReplacementOption
from attnprobe.suggesting.modelling.conditions import SELF_ATTENTION
from attnprobe.suggesting.modelling.costs import pair_costs

replacement = Replacement(
    name="sink_window",
    title={"en": "Sinks and a sliding window", "zh": "汇点加滑动窗口"},
    change={
        "en": "Let every query see the first {sinks} keys and its {window_size} nearest ones.",
        "zh": "让每个查询看最前面的 {sinks} 个键和最近的 {window_size} 个键。",
    },
    exactness="approximate",
    risk="medium",
    source="Xiao et al. 2023, arXiv:2309.17453",
    options={
        "sinks": ReplacementOption(default=4, low="1", high="reach // 4"),
        "window_size": ReplacementOption(default=1024, low="1", high="reach // 2"),
    },
    fits=(SELF_ATTENTION,),
    costs={
        **pair_costs("q_len * min(sinks + window_size, kv_len)"),
        "kv_cache_bytes": "kv_cache_bytes_per_token * min(sinks + window_size, kv_len)",
    },
)
