"""What gates on maps share."""

from __future__ import annotations

from math import log2

from torch import nn

from attnprobe.errors import ShapeError


def reduced(channels: int, reduction: int, least: int = 1) -> int:
    """Channels of a hidden layer.

    Raises:
        ShapeError: A number is not positive.
    """
    if channels < 1 or reduction < 1:
        raise ShapeError(f"channels ({channels}) and reduction ({reduction}) must be positive")
    return max(least, channels // reduction)


def opened(layer: nn.Linear | nn.Conv1d | nn.Conv2d) -> float:
    """Set the last layer of a gate to zero; with the factor that is returned, σ is then exactly one."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return 2.0


def channel_kernel(channels: int, gamma: float = 2, offset: float = 1) -> int:
    """The odd number next to |log2(C) / γ + b / γ|: Wang et al. 2020, arXiv:1910.03151, equation 12."""
    size = int(abs((log2(channels) + offset) / gamma))
    return size if size % 2 else size + 1
