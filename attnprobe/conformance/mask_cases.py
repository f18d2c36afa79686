"""Masks to try: each supported part alone, and all together."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from attnprobe.attention.foundation.masks import Mask
from attnprobe.conformance.specimens import Specimen, replaced


def mask_cases(specimen: Specimen, q_len: int, kv_len: int, *, is_causal: bool) -> Iterator[tuple[str, Mask]]:
    """Names and masks for a batch of 2."""
    base = Mask(is_causal=is_causal)
    parts = _parts(specimen, q_len, kv_len)
    together: dict[str, object] = {}
    for name, changes in parts:
        if changes.keys() <= specimen.supports | {"is_causal"}:
            yield f"{'causal ' if is_causal else ''}{name}", replaced(base, **changes)
            together |= changes
    if len(together) > 1:
        yield f"{'causal ' if is_causal else ''}all parts", replaced(base, **together)


def _parts(specimen: Specimen, q_len: int, kv_len: int) -> Iterator[tuple[str, dict[str, object]]]:
    generator = torch.Generator().manual_seed(7)
    yield "right padding", {"padding": _padding(kv_len, on_the_left=False, device=specimen.device)}
    yield "left padding", {"padding": _padding(kv_len, on_the_left=True, device=specimen.device)}
    for window in ((0, 0), (3, 0), (2, 4), (None, 1), (4, None)):
        yield f"window {window}", {"window": window}
    yield "window (3, 2) and sinks 2", {"window": (3, 2), "sinks": 2}
    if q_len == kv_len:
        starts = torch.rand(2, kv_len, generator=generator) < 0.2
        yield "segments", {"segments": starts.long().cumsum(1).to(specimen.device)}
    dense = torch.rand(2, 1, q_len, kv_len, generator=generator) < 0.6
    dense[0, 0, q_len // 2] = False  # a query that sees nothing
    yield "dense [L, S]", {"dense": dense[1, 0].to(specimen.device)}
    yield "dense [B, 1, L, S]", {"dense": dense.to(specimen.device)}
    bias = torch.randn(1, 1, q_len, kv_len, generator=generator, dtype=torch.float64)
    yield "bias [1, 1, L, S]", {"bias": bias.to(specimen.device)}


def _padding(length: int, *, on_the_left: bool, device: str) -> torch.Tensor:
    """The first of the batch has every key, the second lacks a third of them."""
    real = torch.ones(2, length, dtype=torch.bool, device=device)
    if length > 1:
        cut = max(1, length // 3)
        if on_the_left:
            real[1, :cut] = False
        else:
            real[1, -cut:] = False
    return real
