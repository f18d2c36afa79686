"""What stands in the padding changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from attnprobe.conformance.comparing import differences
from attnprobe.conformance.mask_cases import mask_cases
from attnprobe.conformance.specimens import Specimen


def check(specimen: Specimen) -> Iterator[str]:
    """Padding left and right, filled with other and larger numbers."""
    if not specimen.has_sequences or "padding" not in specimen.supports:
        return
    copy, inputs = specimen.copy(), specimen.inputs(21)
    for is_causal in specimen.modes:
        for name, mask in mask_cases(specimen, 21, 21, is_causal=is_causal):
            if mask.parts - {"causal"} != {"padding"} or mask.padding is None:
                continue
            filled = [each.clone() for each in inputs]
            for each in filled:
                each.transpose(1, -2)[~mask.padding] = 1e3
            with torch.no_grad():
                before = specimen.run(copy, inputs, mask).transpose(1, -2)[mask.padding]
                after = specimen.run(copy, tuple(filled), mask).transpose(1, -2)[mask.padding]
            yield from differences(name, after, before, specimen.tolerance(torch.float64))
