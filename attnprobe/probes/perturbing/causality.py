"""Is the model meant not to see the future?"""

from __future__ import annotations

from attnprobe.probes.perturbing.metrics import MEANT_TO_BE_CAUSAL
from attnprobe.probes.perturbing.results import why_missing
from attnprobe.probes.perturbing.short_inputs import Short
from attnprobe.probes.structure_facts.chains import causal_share, reached_from
from attnprobe.records import Measurement, ProbeResult
from attnprobe.resizing import input_tensors


def meant_to_be_causal(short: Short) -> ProbeResult:
    """Declared, or told by the masks of the self-attentions that read what the outputs follow."""
    is_meant = short.model.causal
    if is_meant is None:
        if short.output_dim is None:
            return why_missing((MEANT_TO_BE_CAUSAL,), short.why_not)
        inputs = input_tensors(short.model)
        is_text = all(not inputs[name].is_floating_point() for name in short.followed)
        reached = reached_from(short.trace, short.followed)
        share = causal_share(short.trace, reached, is_near_enough=is_text)
        is_meant = share is not None and share > 0.5
    found = Measurement(metric=MEANT_TO_BE_CAUSAL.name, site="", value=int(is_meant))
    return ProbeResult(measurements=(found,))
