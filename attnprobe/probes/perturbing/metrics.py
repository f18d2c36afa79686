"""What the perturbation checks report."""

from __future__ import annotations

from attnprobe.records import Level, Metric

MAX_TOKENS = 64

_RUNS = (
    "Runs of its own without gradients, layers in evaluation mode, the same seed before each; the first "
    f"batch, cut to at most {MAX_TOKENS} tokens where the model runs at that length, a lone sample joined by "
    "a random second one. "
)
_CHANGED = "Ids are exchanged for others of the same input, floats redrawn with 10 times their spread. "


def _metric(
    name: str, title: str, method: str, not_said: str = "", *, level: Level = "model", headline: bool = False
) -> Metric:
    return Metric(
        name=name,
        title=title,
        unit="1",
        level=level,
        exactness="exact",
        method=method,
        not_said=not_said,
        topic="correctness",
        headline=headline,
    )


REPEAT_DIFFERENCE = _metric(
    "repeat_difference",
    "Difference between two equal runs",
    "‖y' − y‖ / ‖y‖ of the first output, same inputs, same seed: the noise floor of the checks beside it. "
    + _RUNS,
    "Not 0 where the model keeps state between calls, or a kernel adds up in another order each time.",
)
FLOOR = _metric(
    "perturbation_floor",
    "Largest difference that rounding explains",
    "max(2 ε, 4 · repeat_difference) with the ε of the output's dtype: less has not moved.",
    "Experts that get other tokens add up in another order, which can be more and is rounding all the same.",
)
MEANT_TO_BE_CAUSAL = _metric(
    "meant_to_be_causal",
    "Whether the model is meant not to see the future",
    "1 when it was declared (causal = True), or when more than half of the self-attentions that read the "
    "tokens which the outputs follow have a causal mask (over token ids also one that shows the next token "
    "and none after it); 0 when it was declared not to be, or when fewer do.",
    "What its author thinks of a model in which half of them do.",
)
FUTURE_LEAK = _metric(
    "future_leak",
    "Change of earlier outputs when later tokens change",
    "max over several t and positions s < t of ‖y'_s − y_s‖ / mean_s ‖y_s‖, where the tokens at t and after "
    "it were changed; only inputs that the outputs follow token by token (a decoder's, not its encoder's), "
    "and positions that are no padding. " + _CHANGED + _RUNS,
    "Not an error by itself: encoders and prefix models see all tokens on purpose. Whether a model must not "
    "is for its author to say (causal = True). Compare with repeat_difference.",
    headline=True,
)
FUTURE_LEAK_START = _metric(
    "future_leak_start",
    "The attention in which the future leak starts",
    "1 where the rows of the output before t moved and those of queries, keys and values did not; else 0. A "
    "row moved when it changed by more than rounding and more than between two equal runs.",
    "Attentions behind the first one are 0 whatever their own masks let through. All are 0 when the leak "
    "starts outside of an attention: in a normalisation over tokens, a convolution, a shift.",
    level="site",
)
BATCH_LEAK = _metric(
    "batch_leak",
    "Change of a sample's output when only other samples change",
    "‖y'_0 − y_0‖ / ‖y_0‖ of sample 0, where all other samples of the batch were changed. Samples lie along "
    "dim 0, or along dim 1 where only dim 0 has positions. " + _CHANGED + _RUNS,
    "Only evaluation mode: batch normalisation in training mode mixes samples on purpose. Where neither "
    "dimension has positions, which of them counts samples cannot be told, and nothing is reported.",
    headline=True,
)
BATCH_LEAK_START = _metric(
    "batch_leak_start",
    "The attention in which samples begin to mix",
    "1 where the output for sample 0 moved and its queries, keys and values did not; else 0.",
    "Attentions behind the first one are 0 whatever they do. All are 0 when samples mix outside of an "
    "attention.",
    level="site",
)
POSITION_BLINDNESS = _metric(
    "position_blindness",
    "Difference that the order of the tokens makes",
    "‖f(Px) − P f(x)‖ / ‖f(x)‖ for a random order P of the token ids (f(x) in place of P f(x) where outputs "
    "do not follow tokens); the smallest over the inputs that hold ids. Masks and positions stay. 0: blind. "
    "Repeated in float64 on a copy where it is below 0.05 and the copy takes no more than 1 GiB. " + _RUNS,
    "A causal mask alone gives some order. A table of positions that starts at zero looks blind until it is "
    "trained.",
    headline=True,
)
EVAL_RANDOMNESS = _metric(
    "eval_randomness",
    "Difference between two seeds in evaluation mode",
    "‖y' − y‖ / ‖y‖ of the first output, same inputs, two seeds. " + _RUNS,
    "Models that draw random numbers on purpose (noise, hashing, samplers) are not 0 either.",
    headline=True,
)
EVAL_RANDOMNESS_START = _metric(
    "eval_randomness_start",
    "The attention in which randomness starts in evaluation mode",
    "1 where outputs differ between two seeds and queries, keys and values do not; else 0.",
    "All are 0 when the randomness starts outside of an attention.",
    level="site",
)

METRICS = (
    REPEAT_DIFFERENCE,
    FLOOR,
    MEANT_TO_BE_CAUSAL,
    FUTURE_LEAK,
    FUTURE_LEAK_START,
    BATCH_LEAK,
    BATCH_LEAK_START,
    POSITION_BLINDNESS,
    EVAL_RANDOMNESS,
    EVAL_RANDOMNESS_START,
)
