"""Root-mean-square normalisation that is the same in every dtype."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attnprobe.attention.foundation.scores import wide


class RmsNorm(nn.Module):
    """x / sqrt(mean(x²) + eps) · weight over the last dimension, in float32 at least; returns the dtype of x.

    `nn.RMSNorm` takes its usual eps from the dtype of its input, which is 0.008 in bfloat16.
    Source: Zhang and Sennrich 2019, arXiv:1910.07467, equation 4.

    Args:
        width: Size of the last dimension.
        eps: Added to the mean square.
    """

    def __init__(self, width: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """[..., width] -> the same."""
        upright = wide(x)
        mean_square = upright.square().mean(-1, keepdim=True)
        return (upright * torch.rsqrt(mean_square + self.eps) * self.weight).to(x.dtype)
