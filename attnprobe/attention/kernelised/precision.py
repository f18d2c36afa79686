"""Sums over long sequences are kept in float32, whatever the inputs are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def no_autocast(device: torch.device) -> Iterator[None]:
    """Autocast would round the running sums of a long sequence to half precision."""
    with torch.autocast(device_type=device.type, enabled=False):
        yield


def widened(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Half-precision tensors as float32, others as they are."""
    return tuple(
        tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor for tensor in tensors
    )


def quotient(numerator: Tensor, normaliser: Tensor) -> Tensor:
    """[..., Dv] / [..., 1]; zero, without gradient, where the normaliser is (a query that sees no key)."""
    tiny = torch.finfo(torch.float32).tiny
    return numerator / normaliser.masked_fill(normaliser < tiny, float("inf"))
