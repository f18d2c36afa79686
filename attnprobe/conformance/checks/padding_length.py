"""A padded sequence gives what the sequence gives alone. Not of mechanisms that place landmarks by length."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.nn import functional as F

from attnprobe.attention.foundation.masks import Mask
from attnprobe.conformance.comparing import differences
from attnprobe.conformance.specimens import Specimen


def check(specimen: Specimen) -> Iterator[str]:
    """13 tokens alone, and with 6 more on either side."""
    if not specimen.has_sequences or "padding" not in specimen.supports:
        return
    copy, inputs = specimen.copy(), specimen.inputs(13)
    for is_causal in specimen.modes:
        with torch.no_grad():
            alone = specimen.run(copy, inputs, Mask(is_causal=is_causal))
            for left, right in ((0, 6), (6, 0)):
                padded = tuple(F.pad(each, (0, 0, left, right), value=2.0) for each in inputs)
                real = torch.zeros(2, 19, dtype=torch.bool, device=specimen.device)
                real[:, left : left + 13] = True
                out = specimen.run(copy, padded, Mask(is_causal=is_causal, padding=real))
                case = f"{left} before and {right} behind{', causal' if is_causal else ''}"
                yield from differences(
                    case, out[..., left : left + 13, :], alone, specimen.tolerance(torch.float64)
                )
