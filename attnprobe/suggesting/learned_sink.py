"""A learned score that stands for attending to nothing."""

from __future__ import annotations

from attnprobe.records import Replacement
from attnprobe.suggesting.modelling.conditions import SOFTMAX

replacement = Replacement(
    name="learned_sink",
    title={"en": "Learned sink", "zh": "可学习的汇点"},
    change={
        "en": "Give every head a learned score that takes part in the softmax and has no value.",
        "zh": "为每个头加一个参与 softmax、但没有对应值的可学习得分。",
    },
    exactness="retrain",
    risk="low",
    source="Xiao et al. 2023, arXiv:2309.17453",
    aliases=("sink_logit",),
    fits=(SOFTMAX,),
)
