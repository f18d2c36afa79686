"""A learned bias for every offset between two points of a window.

Source: Liu et al. 2021, arXiv:2103.14030, equation 4. It starts at zero, not at random: attention over
copied projections is then unchanged but for its windows.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RelativeBias(nn.Module):
    """One number per head and offset, for windows of up to `window_size` points per axis.

    Args:
        window_size: Points per axis; offsets run from -(window_size - 1) to window_size - 1.
        num_axes: Axes of the plane.
        num_heads: Heads H.
    """

    def __init__(self, window_size: int, num_axes: int, num_heads: int) -> None:
        super().__init__()
        self.window_size = window_size
        self.table = nn.Parameter(torch.zeros(num_heads, (2 * window_size - 1) ** num_axes))

    def forward(self, points: Tensor) -> Tensor:
        """The bias between every two points. [axes, N] whole coordinates -> [H, N, N]."""
        reach = self.window_size - 1
        index = torch.zeros_like(points[0, :, None] - points[0, None, :])
        for axis in points:
            offset = (axis[:, None] - axis[None, :]).clamp(-reach, reach)
            index = index * (2 * self.window_size - 1) + offset + reach
        return self.table[:, index]
