"""Tokens as points of a plane: row by row, [height, width] (or a line, or a volume)."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from attnprobe.errors import ShapeError

Plane = tuple[int, ...]  # (height, width); (length,) is a line


def plane_of(plane: Plane | None, seq_len: int, name: str) -> Plane:
    """The plane of so many tokens; None: a line.

    Raises:
        ShapeError: The plane has another number of points.
    """
    if plane is None:
        return (seq_len,)
    if prod(plane) != seq_len:
        points = " x ".join(str(size) for size in plane)
        raise ShapeError(
            f"{name}: a plane of {points} has {prod(plane)} points, but there are {seq_len} tokens"
        )
    return tuple(plane)


def coordinates(plane: Plane, device: torch.device) -> Tensor:
    """Where each token lies, [axes, S]."""
    axes = torch.meshgrid(*(torch.arange(size, device=device) for size in plane), indexing="ij")
    return torch.stack([axis.flatten() for axis in axes])
