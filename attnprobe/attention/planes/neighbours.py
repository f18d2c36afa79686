"""Which keys the points of an axis see in neighbourhood attention, tile by tile.

A query sees the `kernel_size` keys around it; at a border the window is moved inwards, so that it never
shrinks (Hassani et al. 2023, arXiv:2204.07143, section 3.1). With a dilation, points see only those of the
same remainder (Hassani and Shi 2022, arXiv:2209.15001, section 3.2).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


def first_key(position: Tensor, length: int, kernel_size: int, dilation: int) -> Tensor:
    """Position of the first key that each query sees; the others follow `dilation` apart.

    In a stretch of n points of one remainder, the window of query i begins at clamp(i - k // 2, 0, n - k).
    """
    remainder = position % dilation
    count = (length - remainder + dilation - 1) // dilation  # points of this remainder
    begin = torch.minimum(position // dilation - kernel_size // 2, count - kernel_size).clamp(min=0)
    return begin * dilation + remainder


def sees(position: Tensor, key: Tensor, length: int, kernel_size: int, dilation: int) -> Tensor:
    """Whether a query sees a key; both shapes are broadcast. A key at -1 is seen by nobody."""
    offset = key - first_key(position, length, kernel_size, dilation)
    is_near = (offset >= 0) & (offset < kernel_size * dilation) & (offset % dilation == 0)
    return is_near & (key >= 0) & (key < length)


@dataclass(frozen=True, slots=True)
class Tiles:
    """An axis cut into tiles of queries with the keys that these see."""

    query: Tensor  # [tiles, t] positions; those past the end of the axis are -1
    key: Tensor  # [tiles, t + k - 1] positions; -1: none
    visible: Tensor  # bool [tiles, t, t + k - 1]


def tiles_of(length: int, kernel_size: int, dilation: int, tile: int, device: torch.device) -> Tiles:
    """All tiles of an axis, remainder by remainder."""
    queries, keys = [], []
    kernel_size = min(kernel_size, length)
    for remainder in range(min(dilation, length)):
        count = len(range(remainder, length, dilation))
        begins = torch.arange(0, count, tile, device=device)[:, None]
        query = begins + torch.arange(tile, device=device)
        begin = (begins - kernel_size // 2).clamp(max=max(count - kernel_size, 0)).clamp(min=0)
        key = begin + torch.arange(tile + kernel_size - 1, device=device)
        queries.append(torch.where(query < count, query * dilation + remainder, -1))
        keys.append(torch.where(key < count, key * dilation + remainder, -1))
    query, key = torch.cat(queries), torch.cat(keys)
    visible = sees(query[:, :, None], key[:, None, :], length, kernel_size, dilation)
    return Tiles(query, key, visible)
