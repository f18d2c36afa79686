"""What comes later, however large, changes nothing before it, and gets no gradient from there."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from attnprobe.attention.foundation.masks import Mask
from attnprobe.conformance.comparing import differences
from attnprobe.conformance.specimens import Specimen

_SIZE = 1e3  # small perturbations do not show a maximum taken over all time


def check(specimen: Specimen) -> Iterator[str]:
    """At three positions of two lengths; each input alone and all together."""
    if not specimen.has_sequences or True not in specimen.modes:
        return
    for length in (17, 130):
        for position in (1, length // 2, length - 1):
            for dtype in (torch.float64, torch.float32):
                yield from _leaks(specimen, length, position, dtype)
        yield from _gradient(specimen, length, length // 2)


def _leaks(specimen: Specimen, length: int, position: int, dtype: torch.dtype) -> Iterator[str]:
    copy, mask = specimen.copy(dtype), Mask(is_causal=True)
    inputs = specimen.inputs(length, dtype=dtype)
    other = specimen.inputs(length, dtype=dtype, seed=1)
    with torch.no_grad():
        before = specimen.run(copy, inputs, mask)[..., :position, :]
        for which in (*((number,) for number in range(len(inputs))), tuple(range(len(inputs)))):
            changed = [each.clone() for each in inputs]
            for number in which:
                changed[number][..., position:, :] += _SIZE * other[number][..., position:, :]
            after = specimen.run(copy, tuple(changed), mask)[..., :position, :]
            case = f"length {length}, inputs {which} changed from position {position}, {dtype}"
            yield from differences(case, after, before, specimen.tolerance(dtype))


def _gradient(specimen: Specimen, length: int, position: int) -> Iterator[str]:
    leaves = tuple(each.requires_grad_() for each in specimen.inputs(length))
    out = specimen.run(specimen.copy(), leaves, Mask(is_causal=True))
    found = torch.autograd.grad(out[..., :position, :].sum(), leaves, allow_unused=True)
    for number, gradient in enumerate(found):
        if gradient is not None:
            later = gradient[..., position:, :]
            case = f"length {length}, gradient of what stands before {position} by later input {number}"
            yield from differences(case, later, torch.zeros_like(later), 1e-12)
