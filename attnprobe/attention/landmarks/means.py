"""Means over neighbouring positions, real ones only."""

from __future__ import annotations

import torch
from torch import Tensor

Runs = tuple[tuple[int, int], ...]  # (number of stretches, length of each), one after the other


def strides(length: int, stride: int) -> Runs:
    """Stretches of `stride` positions; the last one may be shorter."""
    full, rest = length // stride, length % stride  # divmod stops torch.compile
    return tuple(run for run in ((full, stride), (1, rest)) if run[0] and run[1])


def segments(length: int, count: int) -> Runs:
    """`count` stretches of nearly equal lengths, or one for each position where there are fewer positions."""
    short, longer = length // count, length % count
    return tuple(run for run in ((count - longer, short), (longer, short + 1)) if run[0] and run[1])


def means(x: Tensor, runs: Runs, padding: Tensor | None = None) -> Tensor:
    """The mean of each stretch over its real positions; zero where it has none.

    Args:
        x: [B, H, S, D].
        runs: Of `strides` or `segments`; they cover S.
        padding: bool [B, S], True: real.

    Returns:
        [B, H, stretches, D].
    """
    if padding is None:
        return torch.cat([part.mean(3) for part in _stretches(x, runs)], dim=2)
    real = padding[:, None, :, None]
    sums = torch.cat([part.sum(3) for part in _stretches(x.masked_fill(~real, 0.0), runs)], dim=2)
    counts = torch.cat([part.sum(3) for part in _stretches(real.to(x.dtype), runs)], dim=2)
    return sums / counts.clamp(min=1)


def any_real(padding: Tensor | None, runs: Runs) -> Tensor | None:
    """Which stretches hold a real position: bool [B, stretches]; None: all."""
    if padding is None:
        return None
    return torch.cat([part.any(3) for part in _stretches(padding[:, None, :, None], runs)], dim=2)[:, 0, :, 0]


def _stretches(x: Tensor, runs: Runs) -> list[Tensor]:
    """[B, H, S, D] -> for each run [B, H, stretches, length, D]."""
    parts = torch.split(x, [count * length for count, length in runs], dim=2)
    return [torch.unflatten(part, 2, run) for part, run in zip(parts, runs, strict=True)]


def seen(real: Tensor | None) -> Tensor | None:
    """bool [B, S] as a mask of scores, [B, 1, 1, S]."""
    return None if real is None else real[:, None, None, :]


def of_queries(padding: Tensor | None, q_len: int, kv_len: int) -> Tensor | None:
    """Padding of the queries: that of the keys where both are one sequence, else none."""
    return padding if q_len == kv_len else None
