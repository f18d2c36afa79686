"""`nn.MultiheadAttention` without the weights that nobody reads."""

from __future__ import annotations

from attnprobe.records import FitCondition, Replacement
from attnprobe.suggesting.modelling.costs import UNSAVED_SCORES

replacement = Replacement(
    name="need_weights_false",
    title={"en": "Attention without returned weights", "zh": "不返回权重的注意力"},
    change={
        "en": (
            "Pass need_weights=False to nn.MultiheadAttention (output_attentions=False elsewhere): it then "
            "calls the fused kernel."
        ),
        "zh": (
            "向 nn.MultiheadAttention 传入 need_weights=False（其他库为 output_attentions=False）："
            "它便会调用融合内核。"
        ),
    },
    exactness="exact",
    risk="none",
    source="torch.nn.MultiheadAttention, need_weights",
    fits=(
        FitCondition(
            when="unused_weights_returned == 1",
            otherwise={"en": "no weights are returned in vain", "zh": "没有白白返回的权重"},
        ),
    ),
    costs={"activation_bytes": UNSAVED_SCORES},
)
