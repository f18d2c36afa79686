"""A sample gives the same alone and in a batch, whatever the others are."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from attnprobe.conformance.comparing import differences
from attnprobe.conformance.specimens import Specimen


def check(specimen: Specimen) -> Iterator[str]:
    """Three samples, the last a hundred times as large."""
    copy, tolerance = specimen.copy(), specimen.tolerance(torch.float64)
    for case, inputs, mask in specimen.samples(torch.float64, batch=3):
        for each in inputs:
            each[2] *= 100
        with torch.no_grad():
            together = specimen.run(copy, inputs, mask)
            for number in range(3):
                one = slice(number, number + 1)
                alone = specimen.run(copy, tuple(each[one] for each in inputs), mask)
                yield from differences(f"{case}, sample {number}", together[one], alone, tolerance)
