"""The same call twice gives the same bits, whatever the random state; inputs are not written to."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from attnprobe.attention.foundation.masks import Mask
from attnprobe.conformance.specimens import ModuleSpecimen, Specimen


def check(specimen: Specimen) -> Iterator[str]:
    """In evaluation, float32."""
    copy = specimen.copy(torch.float32)
    if isinstance(specimen, ModuleSpecimen) and specimen.shapes:
        inputs: tuple[torch.Tensor, ...] = (
            specimen.random(*specimen.shapes[0], dtype=torch.float32, seed=1),
        )
        mask = Mask()
    else:
        inputs = specimen.inputs(33, dtype=torch.float32)
        mask = Mask(is_causal=specimen.modes[0])
    kept = [each.clone() for each in inputs]
    with torch.no_grad(), torch.random.fork_rng(devices=()):
        torch.manual_seed(1)
        first = specimen.run(copy, inputs, mask)
        torch.manual_seed(2)
        second = specimen.run(copy, inputs, mask)
    if not torch.equal(first, second):
        yield f"two calls differ by {(first - second).abs().max().item():.3g}"
    if any(not torch.equal(a, b) for a, b in zip(kept, inputs, strict=True)):
        yield "it writes into its inputs"
