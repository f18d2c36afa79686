"""What the probe `key_mass` measures."""

from __future__ import annotations

from attnprobe.probes.map_statistics.metrics import LENGTH, SAMPLE, map_metric

SINK = 0.3
_GU = "Gu et al. 2025, arXiv:2410.10781, section 3."
# Sinks come up on random tokens as well (Gu et al. 2025, section 3), so their numbers need no data.
_EXACT = "Exact through the kernel, for all real queries. "

METRICS = (
    map_metric(
        "sink_mass",
        "Attention that one of the first positions takes",
        "α_k = Σ_i A_ik / (number of real queries that see key k), mean over samples; the largest over the "
        "first four keys that are no padding. " + _EXACT,
        "A sink is common in trained models and no fault; it matters for eviction, windows and quantisation. "
        "Uniform attention has 1/n in encoders and about (ln n)/n in causal models. Sinks elsewhere than at "
        "the start show in largest_key_mass. Under a window few queries see a key, and each gives it much.",
        source=_GU,
        needs_data=False,
        headline=True,
    ),
    map_metric(
        "sink_position",
        "Which of the first positions takes most",
        "The k of sink_mass, from 0. Of a site: that of the mean over its heads.",
        "Whether it takes much.",
        source=_GU,
        needs_data=False,
    ),
    map_metric(
        "sink_heads",
        "Share of heads with a sink",
        f"Share of the heads with sink_mass above {SINK}; of the model over all heads.",
        "The limit is that of the source, found on language models.",
        level="site",
        source=_GU,
        needs_data=False,
    ),
    map_metric(
        "largest_key_mass",
        "Attention that one key takes, wherever it stands",
        "The largest α_k of a sample, mean over samples; over the keys that at least half of the real "
        "queries see, since few see the last keys of a causal sequence. " + _EXACT,
        "Whether it is the same position in every sample.",
    ),
    map_metric(
        "column_entropy",
        "How evenly attention falls on the keys",
        "Entropy of the mass that each key receives, as a share of all mass, divided by log n; mean over "
        "samples. The mass itself is taken, not its mean over the queries that see the key: a diagonal map "
        "then has 1 in causal models too, and a uniform causal one of 1,024 tokens .94. " + _EXACT,
        LENGTH + "A low value with sharp rows is what separates saturation from a positional head.",
    ),
    map_metric(
        "unattended_keys",
        "Share of keys that a head hardly attends",
        "Share of the keys that receive less than a tenth of what uniform attention under the same mask "
        "would give them, which for a bidirectional map is a mean mass below 0.1/n. " + _EXACT,
        "Other heads may attend these keys: see unseen_positions.",
    ),
    map_metric(
        "unseen_positions",
        "Share of positions that no head of any layer attends",
        "Positions that count as unattended in every head of every site whose queries and keys are tokens of "
        "one kind, divided by all positions. " + _EXACT,
        "Their information may still pass on through the residual stream.",
        level="model",
    ),
    map_metric(
        "padding_mass",
        "Attention that real queries give to padding",
        "Σ A_ik over padded keys k and real queries i, divided by the number of such queries in samples with "
        "padding. " + _EXACT,
        "Padding is told by masks and padding ids among the inputs; none there, none measured.",
        topic="correctness",
        needs_data=False,
    ),
    map_metric(
        "attended_distance",
        "Mean distance of what is attended",
        "Σ_j A_ij |i - j|, " + SAMPLE + "Self-attention only.",
        LENGTH + "For images it counts positions in the order in which they are laid out.",
        exactness="sampled",
        unit="token",
    ),
    map_metric(
        "fully_masked_queries",
        "Queries that may see no key",
        "Counted over all samples; a query counts when this is so in any head. Padded queries are left out.",
        "What the implementation makes of them: NaN, zeros or a uniform average.",
        level="site",
        unit="query",
        topic="correctness",
        needs_data=False,
    ),
    map_metric(
        "visible_future",
        "Share of later keys that queries may see",
        "Visible pairs (query i, key j > i), divided by all such pairs, from the mask of the run; "
        "the largest of the batches. 0 for causal self-attention, 1 without a mask.",
        "A model may be meant to see the future.",
        level="site",
        topic="correctness",
        needs_data=False,
    ),
    map_metric(
        "future_mass",
        "Attention that queries give to later keys",
        "Σ_{j>i} A_ij, " + SAMPLE + "Exactly 0 where the mask shows no later key.",
        "A model may be meant to see the future. Whether its output depends on later tokens is another "
        "question: they may leak past the attention.",
        exactness="sampled",
        topic="correctness",
    ),
    map_metric(
        "largest_future_mass",
        "Most attention that one query gives to later keys",
        "The largest of the values of which future_mass is the mean. Of a site: the largest of its heads.",
        "A model may be meant to see the future.",
        exactness="sampled",
        topic="correctness",
    ),
)
