"""Output and gradients equal those of the plain reference, at every length, grouping and mask."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from attnprobe.attention.foundation.masks import Mask
from attnprobe.conformance.comparing import differences, with_gradients
from attnprobe.conformance.mask_cases import mask_cases
from attnprobe.conformance.specimens import CoreSpecimen, Specimen

_CROSS = ((1, 33), (5, 33), (63, 17))
_CONTINUED = ((1, 33), (5, 33))
_GRADIENT_LOSS = 10  # a gradient passes twice as many operations, and sums over more of them


def check(specimen: Specimen) -> Iterator[str]:
    """All lengths in two dtypes; groupings, crossed lengths and masks in float64."""
    for dtype in (torch.float64, torch.float32):
        for case, inputs, mask in specimen.samples(dtype, specimen.lengths):
            yield from _compared(specimen, case, inputs, mask, dtype)
    if not specimen.has_sequences:
        return
    for is_causal in specimen.modes:
        yield from _crossed(specimen, is_causal)
        for shape_change in specimen.groupings()[1:]:
            inputs = specimen.inputs(33, None, **shape_change)
            yield from _compared(specimen, f"{shape_change}", inputs, Mask(is_causal=is_causal))
        for length in (7, 64):
            for name, mask in mask_cases(specimen, length, length, is_causal=is_causal):
                yield from _compared(specimen, f"length {length}, {name}", specimen.inputs(length), mask)


def _crossed(specimen: Specimen, is_causal: bool) -> Iterator[str]:
    pairs: tuple[tuple[int, int], ...] = ()
    if "cross" in specimen.supports:
        pairs = _CROSS
    elif is_causal and "decode" in specimen.supports and isinstance(specimen, CoreSpecimen):
        pairs = _CONTINUED
    for q_len, kv_len in pairs:
        case = f"{q_len} queries of {kv_len} keys{', causal' if is_causal else ''}"
        inputs = specimen.inputs(q_len, kv_len)
        yield from _compared(specimen, case, inputs, Mask(is_causal=is_causal))
        for name, mask in mask_cases(specimen, q_len, kv_len, is_causal=is_causal):
            yield from _compared(specimen, f"{case}, {name}", inputs, mask)


def _compared(
    specimen: Specimen,
    case: str,
    inputs: tuple[torch.Tensor, ...],
    mask: Mask,
    dtype: torch.dtype = torch.float64,
) -> Iterator[str]:
    """Against the reference in float64 on the same, rounded numbers."""
    copy, exact = specimen.copy(dtype), specimen.copy(torch.float64)
    expected = with_gradients(specimen, exact, tuple(each.double() for each in inputs), mask, plain=True)
    if expected is None:
        return
    found = with_gradients(specimen, copy, inputs, mask)
    assert found is not None
    tolerance = specimen.tolerance(dtype)
    for name, value in found.items():
        allowed = tolerance if name == "output" else tolerance * _GRADIENT_LOSS
        yield from differences(f"{case}, {dtype}, {name}", value, expected[name], allowed)
