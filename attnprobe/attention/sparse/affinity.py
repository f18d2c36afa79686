"""Which blocks of keys suit a query, by the mean of their keys."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from attnprobe.attention.sparse.rows import blocks_of

_ROW = 1024  # queries whose affinities are held at a time


def block_means(key: Tensor, padding: Tensor | None, size: int) -> tuple[Tensor, Tensor]:
    """Mean real key of each block, [B, G, C, D], and whether it has any, bool [B, C].

    In fp32 for half dtypes, so that rounding does not reorder the blocks.
    """
    batch, groups, length, width = key.shape
    real = torch.ones(batch, length, dtype=torch.bool, device=key.device) if padding is None else padding
    real = F.pad(real, (0, -length % size)).view(batch, -1, size)  # [B, C, b]
    full = F.pad(key.detach(), (0, 0, 0, -length % size)).reshape(batch, groups, -1, size, width)
    full = full.to(torch.promote_types(key.dtype, torch.float32))
    total = full.masked_fill(~real[:, None, :, :, None], 0.0).sum(-2)
    return total / real.sum(-1).clamp(min=1)[:, None, :, None], real.any(-1)


def picked(
    query: Tensor, means: Tensor, is_real: Tensor, size: int, blocks: int, kv_len: int, is_causal: bool
) -> Tensor:
    """The own block of each query, then those of largest affinity. -> int [B, H, L, n]; -1: none.

    Args:
        query: [B, H, L, D]; its end is that of the keys.
        means: [B, G, C, D].
        is_real: bool [B, C], False: not to be picked.
        size: Keys of a block.
        blocks: How many are picked, n; fewer where there are fewer.
        kv_len: Keys S.
        is_causal: Only blocks before the own one.
    """
    q_len, count = query.shape[2], means.shape[2]
    number = torch.arange(count, device=query.device)
    position = torch.arange(kv_len - q_len, kv_len, device=query.device)
    own = torch.where(position < 0, -1, position // size)  # [L]
    found = []
    for start, stop in blocks_of(q_len, _ROW):
        at = own[start:stop, None]
        allowed = (number < at) if is_causal else (number != at)  # [l, C]
        allowed = allowed & is_real[:, None, None, :]  # [B, 1, l, C]
        affinity = _affinity(query[:, :, start:stop].detach(), means)
        found.append(own_and_best(affinity.masked_fill(~allowed, float("-inf")), at, blocks))
    return torch.cat(found, dim=2)


def own_and_best(scores: Tensor, own: Tensor, blocks: int) -> Tensor:
    """The own block, then those of largest score. -> int [B, H, l, n]; -1: none.

    Args:
        scores: [B, H, l, C], -inf for what is not to be picked.
        own: int [l, 1].
        blocks: How many n are picked; fewer where there are fewer.
    """
    best = scores.topk(min(blocks - 1, scores.shape[-1]), dim=-1)
    others = best.indices.masked_fill(torch.isneginf(best.values), -1)
    return torch.cat((own.expand(*others.shape[:3], 1), others), dim=-1)


def _affinity(query: Tensor, means: Tensor) -> Tensor:
    """[B, H, l, D] x [B, G, C, D] -> [B, H, l, C]."""
    batch, heads, rows, width = query.shape
    folded = query.to(means.dtype).reshape(batch, means.shape[1], -1, width)
    with torch.autocast(query.device.type, enabled=False):
        return (folded @ means.mT).view(batch, heads, rows, -1)
