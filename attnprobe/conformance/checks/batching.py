"""A sample gives the same alone and in a batch, whatever the others are."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from attnprobe.attention.foundation.masks import Mask
from attnprobe.conformance.comparing import differences
from attnprobe.conformance.specimens import ModuleSpecimen, Specimen


def check(specimen: Specimen) -> Iterator[str]:
    """Three samples, the last a hundred times as large."""
    if isinstance(specimen, ModuleSpecimen) and specimen.shapes:
        for shape in specimen.shapes:
            x = specimen.random(3, *shape[1:], dtype=torch.float64, seed=1)
            yield from _alone(specimen, f"{list(shape)}", (x,), Mask())
        return
    for is_causal in specimen.modes:
        inputs = specimen.inputs(33, batch=3)
        yield from _alone(specimen, "causal" if is_causal else "all", inputs, Mask(is_causal=is_causal))


def _alone(specimen: Specimen, case: str, inputs: tuple[torch.Tensor, ...], mask: Mask) -> Iterator[str]:
    for each in inputs:
        each[2] *= 100
    copy = specimen.copy()
    with torch.no_grad():
        together = specimen.run(copy, inputs, mask)
        for number in range(3):
            alone = specimen.run(copy, tuple(each[number : number + 1] for each in inputs), mask)
            yield from differences(
                f"{case}, sample {number}",
                together[number : number + 1],
                alone,
                specimen.tolerance(torch.float64),
            )
