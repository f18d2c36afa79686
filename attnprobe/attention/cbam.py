"""A map is weighed by channel, then by place (CBAM).

    channel: x' = x · σ(MLP(mean of x) + MLP(maximum of x))             over the plane, MLP: C -> C/r -> C
    place:   out = x' · σ(conv 7 x 7 ([mean of x'; maximum of x']))     over the channels

Cost: about 6 B C H W operations, 8 B C² / r FLOPs for the MLP and 4 · 49 B H W for the convolution: linear in
the points.
Keeps the shape of the map; says which channels and which places matter. Exactness: retrain (a new part).
Source: Woo et al. 2018, arXiv:1807.06521, section 3, equations 1 to 3. The convolution has no batch norm, as
in equation 3.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attnprobe.attention.planes.gates import opened, reduced
from attnprobe.errors import ShapeError


class Cbam(nn.Module):
    """A gate per channel, then a gate per place.

    Args:
        channels: Channels C of the map.
        reduction: The hidden layer has C / reduction channels.
        kernel_size: Of the convolution over places, odd.
        starts_open: The gates are 2σ with last layers of zeros: at first they change nothing.

    Raises:
        ShapeError: The kernel size is even.
    """

    def __init__(
        self, channels: int, reduction: int = 16, kernel_size: int = 7, *, starts_open: bool = False
    ) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ShapeError(f"Cbam: kernel_size ({kernel_size}) must be odd")
        hidden = reduced(channels, reduction)
        self.squeeze, self.excite = nn.Linear(channels, hidden), nn.Linear(hidden, channels)
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.gain = 1.0
        if starts_open:
            self.gain = opened(self.excite)
            opened(self.conv)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H, W]."""
        scores = self._mlp(x.mean((2, 3))) + self._mlp(x.amax((2, 3)))
        x = x * (scores.sigmoid() * self.gain)[:, :, None, None]
        pooled = torch.stack((x.mean(1), x.amax(1)), dim=1)  # [B, 2, H, W]
        gate: Tensor = self.conv(pooled).sigmoid() * self.gain
        return x * gate

    def reference(self, x: Tensor) -> Tensor:
        """By the formula: the convolution as a product with every patch."""
        batch, channels, height, width = x.shape
        points = x.flatten(2)
        both = torch.stack((points.mean(2), points.max(2).values))  # [2, B, C]
        scores = self._mlp(both).sum(0)
        x = x * (self.gain / (1 + (-scores).exp())).reshape(batch, channels, 1, 1)
        pooled = torch.stack((x.mean(1), x.max(1).values), dim=1)
        patches = F.unfold(pooled, self.conv.kernel_size, padding=self.conv.kernel_size[0] // 2)
        scores = self.conv.weight.flatten() @ patches  # [B, H W]
        return x * (self.gain / (1 + (-scores).exp())).reshape(batch, 1, height, width)

    def _mlp(self, x: Tensor) -> Tensor:
        out: Tensor = self.excite(self.squeeze(x).relu())
        return out


attention = Cbam
