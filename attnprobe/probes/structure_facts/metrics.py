"""What the probe of structure reports."""

from __future__ import annotations

from attnprobe.records import Level, Metric

MASK_VALUES = ("none", "overflows", "does not hide")  # as `mask_value_unsafe` of a trace counts them

_GRAPH = " Read from the ops of one captured step; no values are needed."


def _metric(
    name: str,
    title: str,
    method: str,
    not_said: str = "",
    *,
    unit: str = "1",
    level: Level = "site",
    source: str = "",
    labels: tuple[str, ...] = (),
) -> Metric:
    return Metric(
        name=name,
        title=title,
        unit=unit,
        level=level,
        exactness="exact",
        method=method + _GRAPH,
        source=source,
        not_said=not_said,
        topic="structure",
        labels=labels,
    )


STACKED = _metric(
    "stacked_self_attention",
    "Self-attentions that follow one another",
    "The longest chain of self-attentions of which each is computed from the output of the one before.",
    "Cross-attentions and recurrences between them.",
    level="model",
)
CAUSAL_SHARE = _metric(
    "causal_self_attention_share",
    "Share of self-attentions with a causal mask",
    "Sites of self-attention whose mask or flag shows no later key / all of them with more than one query.",
    "Whether the others leak depends on the path: see future_leak.",
    level="model",
)

METRICS = (
    _metric(
        "unscaled_scores",
        "Scores without a factor before the softmax",
        "1 when nothing scales on the way from the projections to the softmax: no product or quotient with a "
        "constant other than 1 or a learned number, on the scores, the queries or the keys; no normalisation "
        "of queries or keys; no scale of the kernel; else 0. Biases, masks and rotations do not count.",
        "A factor can also lie in the weights: see score_weight_gain and query_key_weight_ratio.",
        source="Vaswani et al. 2017, arXiv:1706.03762, section 3.2.1.",
    ),
    _metric(
        "softmax_over_queries",
        "Softmax over the queries",
        "1 when the softmax, and whatever else normalises the weights, sums to one over the axis that the "
        "product with the values keeps, not over the one that it sums; else 0.",
        "Slot attention does both on purpose, and is 0.",
    ),
    _metric(
        "repeated_softmax",
        "Softmax of a softmax",
        "1 when the probabilities of one softmax over the keys enter another one with nothing but views and "
        "dropout between; else 0.",
        "A learned or computed factor between the two makes scores again: 0.",
    ),
    _metric(
        "mask_after_softmax",
        "Mask after the softmax",
        "1 when weights are multiplied with zeros, or filled with them, along the keys after the softmax, no "
        "mask before the softmax hides as much, and nothing divides by what is left; else 0. Dropout, gates "
        "of whole heads or queries, and masks that are computed from the data do not count.",
        "Whether the mask hides anything on these inputs: see visible_future and padding_mass.",
    ),
    _metric(
        "mask_value_unsafe",
        "Number by which scores are hidden, in the dtype in use",
        '"overflows": a finite number on the way to the mask is beyond the dtype\'s range and becomes -∞. '
        '"does not hide": scores are replaced by a number of their own size, |x| < 5, and no other mask is '
        "there.",
        "An infinity hides as it should, but a row without any key becomes NaN.",
        labels=MASK_VALUES,
    ),
    _metric(
        "scrambled_heads",
        "Heads cut across tokens",
        "1 when queries and keys were cut into heads, or the heads' outputs merged, by a view without the "
        "transpose that it needs, so that a row holds pieces of several tokens; else 0.",
        "With as many heads as tokens the two cannot be told apart: 0.",
    ),
    _metric(
        "eval_dropout",
        "Probability of a dropout that acts in evaluation mode",
        "Of the dropout in the attention or its module while the model is in evaluation mode; 0 when there "
        "is none.",
        "Random numbers of another kind: see eval_randomness_start.",
    ),
    _metric(
        "has_residual",
        "Residual round the attention",
        "1 when the output is added to what the site starts from; 0 when surely nothing goes past it: no "
        "residual, concatenation or gate.",
        "How much it carries: see head_contribution.",
    ),
    _metric(
        "has_normalisation",
        "Normalisation before or after the attention",
        "1 when a normalisation (or a tanh in its place) is on the way to the site or from it; 0 when there "
        "is none.",
        "Of a branch with a learned scale nothing is said: it can do without.",
    ),
    _metric(
        "unregistered_parameters",
        "Weights of the attention that the model does not have",
        "Leaf tensors that ask for a gradient and that `parameters()` does not yield, among those that make "
        "queries, keys, values, scores and output: made in the forward, or kept in a plain list.",
        "Whether somebody hands them to the optimiser all the same.",
        unit="parameter",
    ),
    STACKED,
    CAUSAL_SHARE,
)
