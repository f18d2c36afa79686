"""The same call twice gives the same bits, whatever the random state; inputs are not written to."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from attnprobe.conformance.specimens import Specimen


def check(specimen: Specimen) -> Iterator[str]:
    """In evaluation, float32."""
    copy = specimen.copy(torch.float32)
    for case, inputs, mask in specimen.samples(torch.float32):
        kept = [each.clone() for each in inputs]
        with torch.no_grad(), torch.random.fork_rng(devices=()):
            torch.manual_seed(1)
            first = specimen.run(copy, inputs, mask)
            torch.manual_seed(2)
            second = specimen.run(copy, inputs, mask)
        if not torch.equal(first, second):
            yield f"{case}: two calls differ by {(first - second).abs().max().item():.3g}"
        if any(not torch.equal(a, b) for a, b in zip(kept, inputs, strict=True)):
            yield f"{case}: it writes into its inputs"
