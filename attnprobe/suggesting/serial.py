"""One attention after another."""

from __future__ import annotations

from attnprobe.records import Replacement

replacement = Replacement(
    name="serial",
    title={"en": "Attentions in series", "zh": "串联注意力"},
    change={
        "en": (
            "Let an attention over the other axis follow this one, with a residual and an output "
            "projection that starts at zero."
        ),
        "zh": "在其后串联一个沿另一轴的注意力，带残差，输出投影以零初始化。",
    },
    exactness="retrain",
    risk="low",
    source="Woo et al. 2018, arXiv:1807.06521",
)
