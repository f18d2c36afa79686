"""The causal flag of the fused call in place of a dense mask."""

from __future__ import annotations

from attnprobe.records import FitCondition, Replacement

replacement = Replacement(
    name="causal_flag",
    title={"en": "Causal flag instead of a mask", "zh": "以因果标志代替掩码"},
    change={
        "en": (
            "Pass is_causal=True and no mask: the kernel then skips the blocks that it hides. It aligns at "
            "the first key, so only with as many keys as queries."
        ),
        "zh": (
            "传入 is_causal=True，不传掩码：内核会跳过被遮蔽的块。"
            "它以第一个键对齐，因此只适用于键数等于查询数的情形。"
        ),
    },
    exactness="exact",
    risk="none",
    source="torch.nn.functional.scaled_dot_product_attention, is_causal",
    fits=(
        FitCondition(
            when='dense_mask_pattern == "causal" and q_len == kv_len and kernel != "unfused"',
            otherwise={
                "en": "the fused call gets no mask with exactly the causal pattern",
                "zh": "融合调用没有收到恰为因果模式的掩码",
            },
        ),
    ),
    costs={"quadratic_mask_bytes": "0 * quadratic_mask_bytes"},
)
