"""Attention to the means of neighbouring keys and values.

    k̄_s = mean of k over stretch s,  v̄_s likewise;  out = softmax(q @ k̄^T · scale) @ v̄  [B, H, L, Dv]

Cost per head: 2 L (S/r) (D + Dv) FLOPs for stretches of r positions, r² in a plane; memory linear in L and
S. Keeps the coarse course of a sequence or picture; loses what differs within a stretch, and which position
it was.

Exactness: retrain; r = 1 is full attention. Source: Wang et al. 2021, arXiv:2102.12122, section 3.3.
Departures: means in place of a strided convolution and a layer norm (the mean is that convolution's neutral
start); a stretch is averaged over its real positions, and hidden when it has none.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import Mask
from attnprobe.attention.foundation.plain import plain_attention
from attnprobe.attention.landmarks.means import any_real, means, seen, strides
from attnprobe.errors import ShapeError


class PooledKv(Core):
    """Every query attends to means of neighbouring keys and values.

    Args:
        stride: Positions r of a stretch; in a plane r by r.
        grid: Height and width, when the keys are a plane in rows; None: a sequence.
    """

    supports: ClassVar[frozenset[str]] = frozenset(("bidirectional", "cross", "padding", "grouped"))
    has_linear_memory: ClassVar[bool] = True

    def __init__(self, stride: int = 4, grid: tuple[int, int] | None = None) -> None:
        super().__init__()
        if stride < 1:
            raise ShapeError(f"stride is at least 1; got {stride}")
        self.stride, self.grid = stride, grid

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """One fused call on the means."""
        keys, values, real = self._pooled(key, value, mask.padding)
        return F.scaled_dot_product_attention(
            query, keys, values, attn_mask=seen(real), scale=scale, enable_gqa=key.shape[1] != query.shape[1]
        )

    def reference(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """Means by a matrix of weights, stretch by position; then by the formula."""
        stretch = self._stretches(key.shape[2]).to(key.device)
        belongs = stretch == torch.arange(int(stretch.max()) + 1, device=key.device)[:, None]  # [s, S]
        if mask.padding is not None:
            belongs = belongs & mask.padding[:, None]
        weights = belongs.expand(key.shape[0], -1, -1)[:, None].to(key.dtype)  # [B, 1, s, S]
        counts = weights.sum(-1, keepdim=True)
        weights = weights / counts.clamp(min=1)
        return plain_attention(
            query, weights @ key, weights @ value, Mask(padding=counts[:, 0, :, 0] > 0), scale
        )

    def _pooled(
        self, key: Tensor, value: Tensor, padding: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Means of keys and values, and which of them stand for a real position (None: all)."""
        if self.grid is None:
            runs = strides(key.shape[2], self.stride)
            return means(key, runs, padding), means(value, runs, padding), any_real(padding, runs)
        _check_plane(self.grid, key.shape[2])
        real = key.new_ones(1, 1, key.shape[2], 1)
        if padding is not None:
            real = padding[:, None, :, None].to(key.dtype)
            key, value = (tensor.masked_fill(real == 0, 0.0) for tensor in (key, value))
        counts = self._plane_sums(real)
        keys, values = (self._plane_sums(tensor) / counts.clamp(min=1) for tensor in (key, value))
        return keys, values, None if padding is None else counts[:, 0, :, 0] > 0

    def _plane_sums(self, x: Tensor) -> Tensor:
        """[B, H, height width, D] -> sums over squares, [B, H, squares, D]; at the far edges they are cut."""
        assert self.grid is not None
        (height, width), size = self.grid, self.stride
        plane = F.pad(torch.unflatten(x, 2, self.grid), (0, 0, 0, -width % size, 0, -height % size))
        return torch.unflatten(torch.unflatten(plane, 3, (-1, size)), 2, (-1, size)).sum((3, 5)).flatten(2, 3)

    def _stretches(self, length: int) -> Tensor:
        """The stretch of every position, int [S]."""
        positions = torch.arange(length)
        if self.grid is None:
            return positions // self.stride
        _check_plane(self.grid, length)
        width = self.grid[1]
        rows, columns = positions // width // self.stride, positions % width // self.stride
        return rows * -(-width // self.stride) + columns


def _check_plane(grid: tuple[int, int], length: int) -> None:
    if grid[0] * grid[1] != length:
        raise ShapeError(f"a plane of {grid[0]} x {grid[1]} does not hold {length} keys")


attention = PooledKv
