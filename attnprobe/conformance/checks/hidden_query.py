"""A query that sees no key gives zero and gets no gradient; its neighbours get theirs."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from attnprobe.attention.foundation.masks import Mask
from attnprobe.conformance.specimens import CoreSpecimen, Specimen


def check(specimen: Specimen) -> Iterator[str]:
    """By padding away a whole sample, and by a row of a dense mask. Of cores: a module adds biases."""
    if not isinstance(specimen, CoreSpecimen):
        return
    for is_causal in specimen.modes:
        if "padding" in specimen.supports:
            real = torch.ones(2, 9, dtype=torch.bool, device=specimen.device)
            real[1] = False
            hidden = ~real[:, None, :].expand(2, specimen.num_heads, 9)
            yield from _zero(specimen, "all padding", Mask(is_causal=is_causal, padding=real), hidden)
        if "dense" in specimen.supports:
            dense = torch.ones(9, 9, dtype=torch.bool, device=specimen.device)
            dense[4] = False
            hidden = ~dense.all(-1).expand(2, specimen.num_heads, 9)
            yield from _zero(specimen, "a dense row", Mask(is_causal=is_causal, dense=dense), hidden)


def _zero(specimen: Specimen, case: str, mask: Mask, hidden: torch.Tensor) -> Iterator[str]:
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        leaves = tuple(each.requires_grad_() for each in specimen.inputs(9, dtype=dtype))
        out = specimen.run(specimen.copy(dtype), leaves, mask)
        found = torch.autograd.grad(out.sum(), leaves, allow_unused=True)
        if out[hidden].abs().sum().item() != 0:
            yield f"{case}, {dtype}: output {out[hidden].abs().max().item():.3g} instead of 0"
        for number, gradient in enumerate(found):
            if gradient is not None and not gradient.isfinite().all():
                yield f"{case}, {dtype}: the gradient of input {number} is not finite"
        if found[0] is not None and found[0][hidden].abs().sum().item() != 0:
            yield f"{case}, {dtype}: the hidden query gets a gradient"
