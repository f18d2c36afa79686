"""Are there random numbers in evaluation mode?"""

from __future__ import annotations

from torch import Tensor

from attnprobe.observing.observer import Held
from attnprobe.probes.perturbing.metrics import EVAL_RANDOMNESS, EVAL_RANDOMNESS_START
from attnprobe.probes.perturbing.results import of_starts, why_missing
from attnprobe.probes.perturbing.runs import Run, difference, run
from attnprobe.probes.perturbing.short_inputs import Short
from attnprobe.probes.perturbing.starting import start_of
from attnprobe.records import AttentionSite, Measurement, ProbeResult


def eval_randomness(short: Short, again: Run) -> ProbeResult:
    """The difference between two seeds, and the attention in which it starts."""
    base = short.base.output
    other = run(short.model, short.trace if short.base.sites else None, short.seed + 1)
    if base is None or other.output is None:
        return why_missing(
            (EVAL_RANDOMNESS, EVAL_RANDOMNESS_START), "the model gives back no floating tensor"
        )
    if other.output.shape != base.shape:
        return why_missing(
            (EVAL_RANDOMNESS, EVAL_RANDOMNESS_START), "the shape of its output depends on the seed"
        )
    found = Measurement(metric=EVAL_RANDOMNESS.name, site="", value=difference(other.output, base))
    start = start_of(short.trace.sites, short.base, again, other, _whole)
    return of_starts(found, EVAL_RANDOMNESS_START, start, short, "random numbers come in in evaluation mode")


def _whole(site: AttentionSite, role: str, held: Held) -> Tensor:
    return held.tensor
