"""Attentions side by side."""

from __future__ import annotations

from attnprobe.records import Replacement

replacement = Replacement(
    name="parallel",
    title={"en": "Attentions side by side", "zh": "并联注意力"},
    change={
        "en": (
            "Let an attention over the other axis run beside this one, added with a factor that starts at "
            "zero."
        ),
        "zh": "在其旁并联一个沿另一轴的注意力，相加的权重以零初始化。",
    },
    exactness="retrain",
    risk="low",
    source="Fu et al. 2019, arXiv:1809.02983",
)
