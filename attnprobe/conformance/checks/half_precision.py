"""bfloat16, float16 and autocast give the numbers of float64 on the same inputs, and their own dtype."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from attnprobe.attention.foundation.masks import Mask
from attnprobe.conformance.comparing import differences
from attnprobe.conformance.specimens import ModuleSpecimen, Specimen


def check(specimen: Specimen) -> Iterator[str]:
    """At 64 tokens, and backward once."""
    cases: list[tuple[Tensor, ...]] = []
    masks = [Mask()]
    if isinstance(specimen, ModuleSpecimen) and specimen.shapes:
        cases = [(specimen.random(*shape, dtype=torch.float64, seed=1),) for shape in specimen.shapes]
    else:
        cases, masks = [specimen.inputs(64)], [Mask(is_causal=mode) for mode in specimen.modes]
    for inputs in cases:
        for mask in masks:
            for dtype in (torch.bfloat16, torch.float16):
                yield from _halved(specimen, inputs, mask, dtype)
            yield from _autocast(specimen, inputs, mask)


def _halved(specimen: Specimen, inputs: tuple[Tensor, ...], mask: Mask, dtype: torch.dtype) -> Iterator[str]:
    rounded = tuple(each.to(dtype).requires_grad_() for each in inputs)
    copy, case = specimen.copy(dtype), f"{dtype}{', causal' if mask.is_causal else ''}"
    # The same rounded parameters, so that what is measured is the arithmetic alone.
    exact = type(specimen.copy())
    out = specimen.run(copy, rounded, mask)
    if out.dtype != dtype:
        yield f"{case}: {exact.__name__} returns {out.dtype}"
    with torch.no_grad():
        expected = specimen.run(_widened(copy), tuple(each.double() for each in rounded), mask)
    yield from differences(case, out, expected, specimen.tolerance(dtype))
    found = torch.autograd.grad(out.float().square().sum(), rounded, allow_unused=True)
    if any(each is not None and not each.isfinite().all() for each in found):
        yield f"{case}: gradients are not finite"


def _autocast(specimen: Specimen, inputs: tuple[Tensor, ...], mask: Mask) -> Iterator[str]:
    copy = specimen.copy(torch.float32)
    singles = tuple(each.float().requires_grad_() for each in inputs)
    with torch.no_grad():
        expected = specimen.run(specimen.copy(), tuple(each.detach().double() for each in singles), mask)
    with torch.autocast(specimen.device, dtype=torch.bfloat16):
        out = specimen.run(copy, singles, mask)
    case = f"autocast{', causal' if mask.is_causal else ''}"
    yield from differences(case, out, expected, specimen.tolerance(torch.bfloat16))
    found = torch.autograd.grad(out.float().square().sum(), singles, allow_unused=True)
    if any(each is not None and not each.isfinite().all() for each in found):
        yield f"{case}: gradients are not finite"


def _widened(copy: torch.nn.Module) -> torch.nn.Module:
    from copy import deepcopy

    return deepcopy(copy).double()
