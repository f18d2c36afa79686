"""Are there random numbers in evaluation mode?"""

from __future__ import annotations

from torch import Tensor

from attnprobe.observing.observer import Held
from attnprobe.probes.perturbing.locating import Change, located
from attnprobe.probes.perturbing.metrics import EVAL_RANDOMNESS, EVAL_RANDOMNESS_START
from attnprobe.probes.perturbing.results import why_missing
from attnprobe.probes.perturbing.runs import difference, run
from attnprobe.probes.perturbing.short_inputs import Short
from attnprobe.records import AttentionSite, Measurement, ProbeResult


def eval_randomness(short: Short) -> ProbeResult:
    """The difference between two seeds, and the attention in which it starts."""
    base, other = short.base.output, run(short.model, None, short.seed + 1).output
    if base is None or other is None or other.shape != base.shape:
        reason = "the shape of its output depends on the seed"
        return why_missing((EVAL_RANDOMNESS, EVAL_RANDOMNESS_START), reason)
    found = Measurement(metric=EVAL_RANDOMNESS.name, site="", value=difference(other, base))
    change = Change(short.model, _whole, short.seed + 1)
    what = "random numbers come in in evaluation mode"
    return located(short, found, EVAL_RANDOMNESS_START, [change], what)


def _whole(site: AttentionSite, role: str, held: Held) -> Tensor:
    return held.tensor
