"""Windowed attention over a plane, with shifted windows (Swin).

    out = softmax(query @ key^T · scale + B) @ value    within each window of M x M points

Every second layer shifts the windows by M/2, so that neighbours on both sides of a border meet. The shift is
cyclic; points that it brings together from opposite borders do not see each other (the shift mask).
B is a learned bias per head and offset, [H, (2M - 1)²].

Cost: 4 B H S M² D FLOPs, memory B H S M²: linear in the number S of points.
Keeps what is near, loses what lies outside of the window; equals full attention where one window holds the
plane. Exactness: retrain (copied projections fit, the bias is new and starts at zero).
Source: Liu et al. 2021, arXiv:2103.14030, section 3.2, equation 4. Departures: points that fill the plane up
to whole windows are hidden, not attended to as zeros; an axis that one window covers is not shifted.
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
from attnprobe.attention.planes.relative_bias import RelativeBias
from attnprobe.attention.planes.windows import Windows
from attnprobe.errors import ShapeError


class Swin(Core):
    """Attention within windows of a plane.

    Args:
        window_size: Points M of a window per axis.
        plane: (height, width) of the tokens, row by row; None: the tokens form a line. May be set anew.
        shift: Points by which the windows are moved; half of `window_size` in every second layer.
        num_heads: Learn a relative bias for so many heads; None: no bias.

    Raises:
        ShapeError: The shift is not smaller than the window.
    """

    supports: ClassVar[frozenset[str]] = frozenset(("bidirectional", "padding", "grouped"))
    has_linear_memory: ClassVar[bool] = True

    def __init__(
        self,
        window_size: int = 7,
        *,
        plane: Plane | None = None,
        shift: int = 0,
        num_heads: int | None = None,
    ) -> None:
        super().__init__()
        if not 0 <= shift < window_size:
            raise ShapeError(f"Swin: shift ({shift}) must be smaller than window_size ({window_size})")
        self.window_size, self.plane, self.shift = window_size, plane, shift
        axes = 1 if plane is None else len(plane)
        self.bias = None if num_heads is None else RelativeBias(window_size, axes, num_heads)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """One fused call over all windows."""
        windows = self._windows(query.shape[2])
        out = F.scaled_dot_product_attention(
            windows.cut(query),
            windows.cut(key),
            windows.cut(value),
            attn_mask=self._within(windows, mask, query),
            scale=scale,
            enable_gqa=query.shape[1] != key.shape[1],
        )
        return windows.join(out, query.shape[0])

    def reference(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """Full attention behind a dense mask: two points see each other in the same shifted window."""
        windows = self._windows(query.shape[2])
        points = coordinates(windows.plane, query.device)
        together = torch.ones(query.shape[2], query.shape[2], dtype=torch.bool, device=query.device)
        for axis, size, shift in zip(points, windows.size, windows.shift, strict=True):
            window = torch.div(axis - shift, size, rounding_mode="floor")
            together &= window[:, None] == window[None, :]
        bias = None if self.bias is None else self.bias(points).to(query.dtype)
        seen = Mask(padding=mask.padding, dense=together, bias=bias)
        return plain_attention(query, key, value, seen, scale)

    def _windows(self, seq_len: int) -> Windows:
        plane = plane_of(self.plane, seq_len, "Swin")
        size = tuple(min(self.window_size, length) for length in plane)
        shift = tuple(0 if self.window_size >= length else self.shift for length in plane)
        return Windows(plane, size, shift)

    def _within(self, windows: Windows, mask: Mask, query: Tensor) -> Tensor | None:
        """Which points of a window see each other, and with what bias: [B windows | 1, H | 1, N, N]."""
        visible = _visible(windows, mask, query)
        if self.bias is None:
            return visible
        bias = self.bias(coordinates(windows.size, query.device)).to(query.dtype)[None]
        return bias if visible is None else torch.where(visible, bias, float("-inf"))


def _visible(windows: Windows, mask: Mask, query: Tensor) -> Tensor | None:
    """Bool [B windows, 1, N, N]; None: all points of every window."""
    if mask.padding is None and not any(windows.shift) and windows.padded == windows.plane:
        return None
    region = torch.zeros(query.shape[2], dtype=torch.int32, device=query.device)
    for axis, shift in zip(coordinates(windows.plane, query.device), windows.shift, strict=True):
        region = 2 * region + (axis < shift)  # 1: the shift carried it over the border
    queries = keys = region[None, None, :, None].expand(query.shape[0], -1, -1, -1)
    if mask.padding is not None:
        keys = keys.masked_fill(~mask.padding[:, None, :, None], -1)
    found = windows.cut(keys, filler=-1).mT  # [B windows, 1, 1, N]
    return (windows.cut(queries, filler=-1) == found) & (found >= 0)


attention = Swin
