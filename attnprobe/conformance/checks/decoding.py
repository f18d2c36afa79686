"""A prompt, then token by token, gives what one causal call over all of it gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from attnprobe.attention.foundation.masks import Mask
from attnprobe.conformance.comparing import differences
from attnprobe.conformance.specimens import ModuleSpecimen, Specimen

_LENGTH = 41
_STEPS = ((1,) * _LENGTH, (20, *(1,) * 21), (7, 1, 1, 25, 1, 6))


def check(specimen: Specimen) -> Iterator[str]:
    """Several ways to cut 41 tokens, with every grouping; then a batch padded on the left."""
    if not specimen.has_sequences or "decode" not in specimen.supports or True not in specimen.modes:
        return
    for shape in specimen.groupings():
        for steps in _STEPS:
            yield from _decoded(specimen, steps, f"steps of {steps[:3]} …, {shape}", shape, None)
    if "padding" in specimen.supports:
        real = torch.ones(2, _LENGTH, dtype=torch.bool, device=specimen.device)
        real[1, :9] = False
        yield from _decoded(specimen, _STEPS[1], "a prompt padded on the left", {}, real)


def _decoded(
    specimen: Specimen, steps: tuple[int, ...], case: str, shape: dict[str, Any], real: torch.Tensor | None
) -> Iterator[str]:
    copy = specimen.copy()
    keys = None if isinstance(specimen, ModuleSpecimen) else _LENGTH
    inputs = specimen.inputs(_LENGTH, keys, **shape)
    cache, outputs, start = copy.new_cache(), [], 0
    with torch.no_grad():
        expected = specimen.run(copy, inputs, Mask(is_causal=True, padding=real))
        for step in steps:
            part = tuple(each[..., start : start + step, :] for each in inputs)
            padding = None if real is None or start else real[:, :step]
            outputs.append(specimen.decode(copy, part, cache, padding))
            start += step
    found = torch.cat(outputs, dim=-2)
    if real is not None:
        found, expected = found.transpose(1, -2)[real], expected.transpose(1, -2)[real]
    yield from differences(case, found, expected, 10 * specimen.tolerance(torch.float64))
    if cache.length != _LENGTH:
        yield f"{case}: the cache says {cache.length} tokens instead of {_LENGTH}"
