"""Points of a plane see those of their window; every second layer shifts the windows."""

from __future__ import annotations

from attnprobe.records import Replacement, ReplacementOption
from attnprobe.suggesting.modelling.conditions import SEES_ALL, SELF_ATTENTION
from attnprobe.suggesting.modelling.costs import pair_costs

replacement = Replacement(
    name="swin",
    title={"en": "Shifted windows (Swin)", "zh": "移位窗口（Swin）"},
    change={
        "en": (
            "Cut the plane into windows of {window_size} x {window_size} points and shift them by half in "
            "every second layer."
        ),
        "zh": "将平面切成 {window_size} x {window_size} 的窗口，每隔一层移动半个窗口。",
    },
    exactness="retrain",
    risk="medium",
    source="Liu et al. 2021, arXiv:2103.14030, section 3.2",
    options={"window_size": ReplacementOption(default=7, low="2", high="kv_len // 7")},
    fits=(
        SELF_ATTENTION,
        SEES_ALL,
    ),
    costs=pair_costs("q_len * min(window_size * window_size, kv_len)"),
)
