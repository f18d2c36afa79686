"""Tokens attend to those that fall into the same random bucket."""

from __future__ import annotations

from attnprobe.records import Replacement, ReplacementOption
from attnprobe.suggesting.modelling.conditions import SELF_ATTENTION
from attnprobe.suggesting.modelling.costs import pair_costs

replacement = Replacement(
    name="lsh",
    title={"en": "Attention by locality-sensitive hashing", "zh": "局部敏感哈希注意力"},
    change={
        "en": (
            "Hash every token {rounds} times into {buckets} buckets, and let it attend to {window_size} of "
            "its bucket; queries and keys become the same."
        ),
        "zh": (
            "将每个词元哈希 {rounds} 次到 {buckets} 个桶，只关注同桶的 {window_size} 个词元；查询与键共享。"
        ),
    },
    exactness="retrain",
    risk="high",
    source="Kitaev et al. 2020, arXiv:2001.04451, sections 2 and 3",
    aliases=("reformer",),
    options={
        "window_size": ReplacementOption(default=128, low="1", high="reach // 2"),
        "buckets": ReplacementOption(default=32, low="2"),
        "rounds": ReplacementOption(default=2, low="1"),
    },
    fits=(SELF_ATTENTION,),
    costs=pair_costs("q_len * min(rounds * window_size, kv_len)"),
)
