"""A coarse look at all keys, a close one where that points to, and a window."""

from __future__ import annotations

from attnprobe.records import Replacement, ReplacementOption
from attnprobe.suggesting.modelling.conditions import CACHED
from attnprobe.suggesting.modelling.costs import pair_costs

replacement = Replacement(
    name="native_sparse",
    title={"en": "Native sparse attention", "zh": "原生稀疏注意力（NSA）"},
    change={
        "en": (
            "Let every query see {compressed_size} keys at a time as one, {blocks} blocks of {block_size} "
            "keys closely, and the last {window_size}; learned gates weigh the three."
        ),
        "zh": (
            "让每个查询以 {compressed_size} 个键为一组粗看全局，细看 {blocks} 块（每块 {block_size} 个键），"
            "再看最近的 {window_size} 个键；由可学习的门控加权。"
        ),
    },
    exactness="retrain",
    risk="medium",
    source="Yuan et al. 2025, arXiv:2502.11089, section 3",
    aliases=("nsa",),
    options={
        "compressed_size": ReplacementOption(default=32, low="1", high="reach // 4"),
        "block_size": ReplacementOption(default=64, low="1", high="reach // 4"),
        "blocks": ReplacementOption(default=4, low="1", high="reach // (2 * 64)"),
        "window_size": ReplacementOption(default=256, low="1", high="reach // 2"),
    },
    fits=(CACHED,),
    costs=pair_costs(
        "q_len * (kv_len // compressed_size + min(blocks * block_size, kv_len) + min(window_size, kv_len))"
    ),
)
