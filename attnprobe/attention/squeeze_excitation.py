"""Channels of a map are weighed by what the whole map holds (squeeze-and-excitation).

    z = mean of x over the plane                      [B, C, H, W] -> [B, C]
    gate = σ(W2 ReLU(W1 z))                           W1 [C/r, C], W2 [C, C/r]
    out = x · gate                                    [B, C, H, W]

Cost: B C H W multiplications and 4 B C² / r FLOPs; linear in the points of the plane.
Keeps the plane, loses nothing; says which channels matter, not where. Exactness: retrain (a new part).
Source: Hu et al. 2018, arXiv:1709.01507, section 3, equations 2 to 4.
"""

from __future__ import annotations

from torch import Tensor, nn

from attnprobe.attention.planes.gates import opened, reduced


class SqueezeExcitation(nn.Module):
    """A gate per channel.

    Args:
        channels: Channels C of the map.
        reduction: The hidden layer has C / reduction channels.
        starts_open: The gate is 2σ with a last layer of zeros: at first it changes nothing.
    """

    def __init__(self, channels: int, reduction: int = 16, *, starts_open: bool = False) -> None:
        super().__init__()
        hidden = reduced(channels, reduction)
        self.squeeze, self.excite = nn.Linear(channels, hidden), nn.Linear(hidden, channels)
        self.gain = opened(self.excite) if starts_open else 1.0

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H, W]."""
        gate: Tensor = self.excite(self.squeeze(x.mean((2, 3))).relu()).sigmoid() * self.gain
        return x * gate[:, :, None, None]

    def reference(self, x: Tensor) -> Tensor:
        """By the formula, with matrices."""
        pooled = x.flatten(2).sum(2) / (x.shape[2] * x.shape[3])
        hidden = (pooled @ self.squeeze.weight.T + self.squeeze.bias).clamp(min=0)
        scores = hidden @ self.excite.weight.T + self.excite.bias
        return x * (self.gain / (1 + (-scores).exp())).reshape(*scores.shape, 1, 1)


attention = SqueezeExcitation
