"""The fused call of torch instead of scores, softmax and values one by one."""

from __future__ import annotations

from attnprobe.records import Replacement
from attnprobe.suggesting.modelling.conditions import SOFTMAX, WRITTEN_OUT
from attnprobe.suggesting.modelling.costs import UNSAVED_SCORES

replacement = Replacement(
    name="sdpa",
    title={"en": "Fused scaled dot-product attention", "zh": "融合的缩放点积注意力"},
    change={
        "en": (
            "Call torch.nn.functional.scaled_dot_product_attention: scores and probabilities are never "
            "written to memory."
        ),
        "zh": "改用 torch.nn.functional.scaled_dot_product_attention：得分与概率不再写入显存。",
    },
    exactness="exact",
    risk="none",
    source="Dao et al. 2022, arXiv:2205.14135; torch.nn.functional.scaled_dot_product_attention",
    fits=(SOFTMAX, WRITTEN_OUT),
    costs={"activation_bytes": UNSAVED_SCORES},
)
