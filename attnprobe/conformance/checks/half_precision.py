"""bfloat16, float16 and autocast give the numbers of float64 on the same inputs, and their own dtype."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import torch
from torch import Tensor

from attnprobe.attention.foundation.masks import Mask
from attnprobe.conformance.comparing import differences
from attnprobe.conformance.specimens import Specimen


def check(specimen: Specimen) -> Iterator[str]:
    """At 64 tokens, forward and backward."""
    for case, inputs, mask in specimen.samples(torch.float64, lengths=(64,)):
        for dtype in (torch.bfloat16, torch.float16):
            yield from _halved(specimen, f"{case}, {dtype}", inputs, mask, dtype)
        yield from _autocast(specimen, f"{case}, autocast", inputs, mask)


def _halved(
    specimen: Specimen, case: str, inputs: tuple[Tensor, ...], mask: Mask, dtype: torch.dtype
) -> Iterator[str]:
    rounded = tuple(each.to(dtype).requires_grad_() for each in inputs)
    copy = specimen.copy(dtype)
    out = specimen.run(copy, rounded, mask)
    if out.dtype != dtype:
        yield f"{case}: the output is {out.dtype}"
    # The same rounded parameters, so that what differs is the arithmetic alone.
    exact = deepcopy(copy).double()
    with torch.no_grad():
        expected = specimen.run(exact, tuple(each.double() for each in rounded), mask)
    yield from differences(case, out, expected, specimen.tolerance(dtype))
    yield from _backward(case, out, rounded)


def _autocast(specimen: Specimen, case: str, inputs: tuple[Tensor, ...], mask: Mask) -> Iterator[str]:
    with torch.no_grad():
        expected = specimen.run(specimen.copy(), inputs, mask)
    singles = tuple(each.float().requires_grad_() for each in inputs)
    with torch.autocast(specimen.device, dtype=torch.bfloat16):
        out = specimen.run(specimen.copy(torch.float32), singles, mask)
    yield from differences(case, out, expected, specimen.tolerance(torch.bfloat16))
    yield from _backward(case, out, singles)


def _backward(case: str, out: Tensor, leaves: tuple[Tensor, ...]) -> Iterator[str]:
    found = torch.autograd.grad(out.float().square().sum(), leaves, allow_unused=True)
    if any(each is not None and not each.isfinite().all() for each in found):
        yield f"{case}: gradients are not finite"
