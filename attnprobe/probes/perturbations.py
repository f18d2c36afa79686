"""Perturbation checks: which outputs move when something changes that they must not see."""

from __future__ import annotations

from functools import partial

from attnprobe.probes.perturbing.metrics import (
    BATCH_LEAK,
    BATCH_LEAK_START,
    EVAL_RANDOMNESS,
    EVAL_RANDOMNESS_START,
    FLOOR,
    FUTURE_LEAK,
    FUTURE_LEAK_START,
    MEANT_TO_BE_CAUSAL,
    METRICS,
    POSITION_BLINDNESS,
    REPEAT_DIFFERENCE,
)
from attnprobe.records import Measurement, Probe, ProbeResult, Subject

_MOST_NUMBERS = 2**27


def _run(subject: Subject) -> ProbeResult:
    from attnprobe.probes.perturbing.causality import meant_to_be_causal
    from attnprobe.probes.perturbing.future import future_leak
    from attnprobe.probes.perturbing.order import position_blindness
    from attnprobe.probes.perturbing.randomness import eval_randomness
    from attnprobe.probes.perturbing.results import checked, joined, why_missing
    from attnprobe.probes.perturbing.runs import difference
    from attnprobe.probes.perturbing.samples import batch_leak
    from attnprobe.probes.perturbing.short_inputs import shortened
    from attnprobe.probes.perturbing.tokens import best_of

    short = best_of(shortened(subject))
    if short.base.output is None:
        return why_missing(METRICS, "the model gives back no floating tensor")
    if short.base.output.numel() > _MOST_NUMBERS:
        return why_missing(METRICS, "its output is too large to be compared at the length that it runs at")
    again = short.run(short.model).output
    if again is None or again.shape != short.base.output.shape:
        return why_missing(METRICS, "two equal runs give outputs of different shapes")
    short.floor = difference(again, short.base.output)
    repeated = Measurement(metric=REPEAT_DIFFERENCE.name, site="", value=short.floor)
    floor = Measurement(metric=FLOOR.name, site="", value=short.limit)
    return joined(
        [
            ProbeResult(measurements=(repeated, floor)),
            checked(partial(batch_leak, short), (BATCH_LEAK, BATCH_LEAK_START)),  # first: it tells the dims
            checked(partial(future_leak, short), (FUTURE_LEAK, FUTURE_LEAK_START)),
            checked(partial(meant_to_be_causal, short), (MEANT_TO_BE_CAUSAL,)),
            checked(partial(position_blindness, short), (POSITION_BLINDNESS,)),
            checked(partial(eval_randomness, short), (EVAL_RANDOMNESS, EVAL_RANDOMNESS_START)),
        ]
    )


probe = Probe(name="perturbations", depth="measured", metrics=METRICS, run=_run)
