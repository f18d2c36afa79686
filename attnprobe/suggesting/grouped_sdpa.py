"""The fused call on keys and values as they are, shared by several query heads."""

from __future__ import annotations

from attnprobe.records import Replacement
from attnprobe.suggesting.modelling.conditions import FUSABLE, SOFTMAX
from attnprobe.suggesting.modelling.costs import UNSAVED_SCORES

replacement = Replacement(
    name="grouped_sdpa",
    title={"en": "Fused attention of grouped heads", "zh": "分组头的融合注意力"},
    change={
        "en": (
            "Hand keys and values over with their own number of heads, without repeating them: "
            "scaled_dot_product_attention(…, enable_gqa=True)."
        ),
        "zh": "直接传入原有头数的键和值，不再重复：scaled_dot_product_attention(…, enable_gqa=True)。",
    },
    exactness="exact",
    risk="none",
    source="Ainslie et al. 2023, arXiv:2305.13245; torch.nn.functional.scaled_dot_product_attention",
    fits=(SOFTMAX, FUSABLE),
    costs={"activation_bytes": UNSAVED_SCORES, "copy_bytes": "copy_bytes - expanded_kv_bytes"},
)
