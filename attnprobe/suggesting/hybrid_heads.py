"""Some heads see a window, the others everything."""

from __future__ import annotations

from attnprobe.records import Replacement, ReplacementOption
from attnprobe.suggesting.modelling.conditions import SELF_ATTENTION, SEVERAL_HEADS
from attnprobe.suggesting.modelling.costs import pair_costs

replacement = Replacement(
    name="hybrid_heads",
    title={"en": "Local and global heads in one layer", "zh": "同层混合局部头与全局头"},
    change={
        "en": "Give {local_heads} heads a window of {window_size} keys and leave the others global.",
        "zh": "让 {local_heads} 个头只看 {window_size} 个键的窗口，其余头保持全局。",
    },
    exactness="approximate",
    risk="low",
    source="Xiao et al. 2024, arXiv:2410.10819",
    options={
        "local_heads": ReplacementOption(default="num_heads // 2", low="1", high="num_heads - 1"),
        "window_size": ReplacementOption(default=1024, low="1", high="reach // 2"),
    },
    fits=(
        SELF_ATTENTION,
        SEVERAL_HEADS,
    ),
    costs=pair_costs(
        "q_len * (local_heads * min(window_size, kv_len) + (num_heads - local_heads) * kv_len) / num_heads"
    ),
)
