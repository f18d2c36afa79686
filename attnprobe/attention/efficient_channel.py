"""Channels of a map are weighed by their neighbours among the channels (ECA).

    z = mean of x over the plane                      [B, C, H, W] -> [B, C]
    gate = σ(conv over the channels, k wide, of z)    k odd, next to |(log2 C + b) / γ|
    out = x · gate                                    [B, C, H, W]

Cost: B C H W multiplications and 2 B C k FLOPs, k parameters: no bottleneck as in squeeze-and-excitation.
Keeps the plane, loses nothing; a channel is weighed by its neighbours alone. Exactness: retrain (a new part).
Source: Wang et al. 2020, arXiv:1910.03151, section 3.3, equations 9 and 12.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attnprobe.attention.planes.gates import channel_kernel, opened
from attnprobe.errors import ShapeError


class EfficientChannel(nn.Module):
    """A gate per channel by a convolution over channels.

    Args:
        channels: Channels C of the map.
        kernel_size: Channels k that decide about one, odd; None: by the formula.
        starts_open: The gate is 2σ with a kernel of zeros: at first it changes nothing.

    Raises:
        ShapeError: The kernel size is even.
    """

    def __init__(self, channels: int, kernel_size: int | None = None, *, starts_open: bool = False) -> None:
        super().__init__()
        size = channel_kernel(channels) if kernel_size is None else kernel_size
        if size % 2 == 0:
            raise ShapeError(f"EfficientChannel: kernel_size ({size}) must be odd")
        self.conv = nn.Conv1d(1, 1, size, padding=size // 2, bias=False)
        self.gain = opened(self.conv) if starts_open else 1.0

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H, W]."""
        gate: Tensor = self.conv(x.mean((2, 3))[:, None]).sigmoid() * self.gain  # [B, 1, C]
        return x * gate.transpose(1, 2)[..., None]

    def reference(self, x: Tensor) -> Tensor:
        """By the formula: channel c sums the weighed means of channels c - k // 2 to c + k // 2."""
        kernel = self.conv.weight.flatten()
        reach = len(kernel) // 2
        means = x.flatten(2).mean(2)
        edge = means.new_zeros(means.shape[0], reach)
        means = torch.cat((edge, means, edge), dim=1)
        scores = sum(weight * means[:, tap : tap + x.shape[1]] for tap, weight in enumerate(kernel))
        return x * (self.gain * torch.sigmoid(torch.as_tensor(scores)))[:, :, None, None]


attention = EfficientChannel
