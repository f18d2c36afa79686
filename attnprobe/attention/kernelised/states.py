"""What decoding in sums needs of a cache."""

from __future__ import annotations

import torch
from torch import Tensor

from attnprobe.attention.foundation.caches import Cache


def arriving(cache: Cache, count: int) -> Tensor | None:
    """Which of the next `count` tokens are real, bool [B, count]; None: all."""
    if cache.padding is None or cache.length >= cache.padding.shape[1]:
        return None
    known = cache.padding[:, cache.length : cache.length + count]
    return torch.nn.functional.pad(known, (0, count - known.shape[1]), value=True)


class MatrixCache(Cache):
    """One matrix per head, of one size for any length."""

    matrix: Tensor | None = None  # [B, H, D, Dv]
