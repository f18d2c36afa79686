"""Most layers see a window, every n-th everything."""

from __future__ import annotations

from attnprobe.records import Replacement, ReplacementOption
from attnprobe.suggesting.modelling.conditions import SELF_ATTENTION
from attnprobe.suggesting.modelling.costs import pair_costs

replacement = Replacement(
    name="hybrid_layers",
    title={"en": "Local and global layers in turn", "zh": "局部层与全局层交替"},
    change={
        "en": "Keep one layer in {period} global and give the others a window of {window_size} keys.",
        "zh": "每 {period} 层保留一层全局，其余层只看 {window_size} 个键的窗口。",
    },
    exactness="approximate",
    risk="medium",
    source="Gemma Team 2025, arXiv:2503.19786, section 2.1",
    options={
        "period": ReplacementOption(default=4, low="2"),
        "window_size": ReplacementOption(default=1024, low="1", high="reach // 2"),
    },
    fits=(SELF_ATTENTION,),
    costs={
        **pair_costs("q_len * ((period - 1) * min(window_size, kv_len) + kv_len) / period"),
        "kv_cache_bytes": (
            "kv_cache_bytes_per_token * ((period - 1) * min(window_size, kv_len) + kv_len) / period"
        ),
    },
)
