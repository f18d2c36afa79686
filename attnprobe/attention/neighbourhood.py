"""Every point of a plane attends to the k x k points around it.

    out_i = softmax(query_i @ key_N(i)^T · scale) @ value_N(i)      N(i): the k x k nearest points

At a border the neighbourhood is moved inwards, so that every query sees k points per axis (all,
where the axis has fewer). With a dilation it sees every `dilation`-th point.

Cost: 4 B H S (t + k - 1)² D FLOPs in tiles of t x t queries (t >= k; 4 B H S k² D would be the least), memory
B G S ((t + k - 1) / t)² D for the keys of the tiles: linear in the number S of points.
Keeps what is near, with a window that follows its query; loses what is far. Equals full attention where k
reaches over the plane. Exactness: approximate for copied projections.
Source: Hassani et al. 2023, arXiv:2204.07143, section 3.1; dilation: Hassani and Shi 2022, arXiv:2209.15001.
Departure: no relative bias, as in the fused kernels of NATTEN; even an axis shorter than k is allowed.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import Mask
from attnprobe.attention.foundation.plain import plain_attention
from attnprobe.attention.planes.layout import Plane, coordinates, plane_of
from attnprobe.attention.planes.neighbours import Tiles, sees, tiles_of
from attnprobe.errors import ShapeError


class Neighbourhood(Core):
    """Attention to the nearest points of a plane.

    Args:
        kernel_size: Points k that a query sees per axis, odd.
        plane: (height, width) of the tokens, row by row; None: the tokens form a line. May be set anew.
        dilation: Distance between two points that a query sees.

    Raises:
        ShapeError: The kernel size is even, or a number is not positive.
    """

    supports: ClassVar[frozenset[str]] = frozenset(("bidirectional", "padding", "grouped"))
    has_linear_memory: ClassVar[bool] = True

    def __init__(self, kernel_size: int = 7, *, plane: Plane | None = None, dilation: int = 1) -> None:
        super().__init__()
        if kernel_size < 1 or kernel_size % 2 == 0 or dilation < 1:
            raise ShapeError(
                f"Neighbourhood: kernel_size ({kernel_size}) must be odd and dilation ({dilation}) positive"
            )
        self.kernel_size, self.plane, self.dilation = kernel_size, plane, dilation

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """One fused call over all tiles: batch and heads together, so that all samples share the mask."""
        plane = plane_of(self.plane, query.shape[2], "Neighbourhood")
        tile = max(self.kernel_size, 64 if len(plane) == 1 else 8)
        axes = [
            tiles_of(size, self.kernel_size, self.dilation, min(tile, size), query.device) for size in plane
        ]
        queries = _flat([axis.query for axis in axes], plane)  # [tiles, points of a tile]
        keys = _flat([axis.key for axis in axes], plane)
        out = F.scaled_dot_product_attention(
            _picked(query, queries),
            _picked(key, keys),
            _picked(value, keys),
            attn_mask=_visible(axes, keys, mask, query.shape[:2]),
            scale=scale,
            enable_gqa=query.shape[1] != key.shape[1],
        )  # [tiles, B H, points, Dv]
        place = torch.argsort(queries.flatten())[-query.shape[2] :]  # those at -1 come first
        out = out.transpose(0, 1).flatten(1, 2).index_select(1, place)
        return out.reshape(*query.shape[:3], value.shape[3])

    def reference(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """Full attention behind a dense mask of neighbours."""
        plane = plane_of(self.plane, query.shape[2], "Neighbourhood")
        near = torch.ones(query.shape[2], query.shape[2], dtype=torch.bool, device=query.device)
        for axis, size in zip(coordinates(plane, query.device), plane, strict=True):
            near &= sees(axis[:, None], axis[None, :], size, self.kernel_size, self.dilation)
        return plain_attention(query, key, value, Mask(padding=mask.padding, dense=near), scale)


def _flat(positions: list[Tensor], plane: Plane) -> Tensor:
    """Positions per axis [tiles, points] -> numbers of tokens [all tiles, points of a tile]; -1: none."""
    found = positions[0]
    for position, size in zip(positions[1:], plane[1:], strict=True):
        first, second = found[:, None, :, None], position[None, :, None, :]
        both = torch.where((first < 0) | (second < 0), -1, first * size + second)
        found = both.flatten(0, 1).flatten(1, 2)
    return found


def _picked(x: Tensor, index: Tensor) -> Tensor:
    """[B, H, S, D] -> [tiles, B H, points, D]."""
    picked = x.flatten(0, 1).index_select(1, index.clamp(min=0).flatten())
    return picked.reshape(picked.shape[0], *index.shape, x.shape[3]).transpose(0, 1)


def _visible(axes: list[Tiles], keys: Tensor, mask: Mask, batch_and_heads: torch.Size) -> Tensor:
    """Bool [tiles, 1 | B H, points, keys]."""
    found = axes[0].visible
    for axis in axes[1:]:
        first, second = found[:, None, :, None, :, None], axis.visible[None, :, None, :, None, :]
        found = (first & second).flatten(4, 5).flatten(2, 3).flatten(0, 1)
    if mask.padding is None:
        return found[:, None]
    real = mask.padding[:, keys.clamp(min=0)].transpose(0, 1)  # [tiles, B, keys]
    per_sample = found[:, None] & real[:, :, None, :]
    return per_sample.repeat_interleave(batch_and_heads[1], dim=1)


attention = Neighbourhood
