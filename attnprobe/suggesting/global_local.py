"""A window, and a few tokens that see all and are seen by all."""

from __future__ import annotations

from attnprobe.records import Replacement, ReplacementOption
from attnprobe.suggesting.modelling.conditions import SELF_ATTENTION
from attnprobe.suggesting.modelling.costs import pair_costs

replacement = Replacement(
    name="global_local",
    title={"en": "Global tokens and a sliding window", "zh": "全局词元加滑动窗口"},
    change={
        "en": (
            "Let every query see its {window_size} nearest keys and the first {global_tokens}, which see all."
        ),
        "zh": (
            "让每个查询看最近的 {window_size} 个键和最前面的 {global_tokens} 个全局键，后者可看到全部位置。"
        ),
    },
    exactness="approximate",
    risk="medium",
    source="Beltagy et al. 2020, arXiv:2004.05150, section 3.1",
    aliases=("longformer",),
    options={
        "global_tokens": ReplacementOption(default=1, low="0", high="reach // 4"),
        "window_size": ReplacementOption(default=512, low="1", high="reach // 2"),
    },
    fits=(SELF_ATTENTION,),
    costs=pair_costs("(q_len * min(window_size + global_tokens, kv_len) + global_tokens * kv_len)"),
)
