"""A plane cut into windows, with a cyclic shift, and put together again.

Shifted windows: Liu et al. 2021, arXiv:2103.14030, section 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from math import prod

from torch import Tensor
from torch.nn import functional as F

from attnprobe.attention.planes.layout import Plane


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of `size` points per axis over a plane, moved by `shift` and filled up to whole windows."""

    plane: Plane
    size: Plane
    shift: Plane

    @property
    def padded(self) -> Plane:
        """The plane, filled up to whole windows."""
        return tuple(-(-length // size) * size for length, size in zip(self.plane, self.size, strict=True))

    @property
    def counts(self) -> Plane:
        """Windows per axis."""
        return tuple(length // size for length, size in zip(self.padded, self.size, strict=True))

    def cut(self, x: Tensor, filler: float = 0.0) -> Tensor:
        """[B, H, S, D] -> [B windows, H, points of a window, D]; what is filled up holds `filler`."""
        batch, heads, _, width = x.shape
        x = x.reshape(batch, heads, *self.plane, width)
        if self.padded != self.plane:
            missing = [full - part for full, part in zip(self.padded, self.plane, strict=True)]
            x = F.pad(x, [0, 0, *chain.from_iterable((0, each) for each in reversed(missing))], value=filler)
        x = self._rolled(x, [-shift for shift in self.shift])
        x = x.reshape(batch, heads, *chain.from_iterable(zip(self.counts, self.size, strict=True)), width)
        axes = range(len(self.plane))
        order = [0, *(2 + 2 * axis for axis in axes), 1, *(3 + 2 * axis for axis in axes), x.dim() - 1]
        return x.permute(order).reshape(batch * prod(self.counts), heads, prod(self.size), width)

    def join(self, x: Tensor, batch: int) -> Tensor:
        """[B windows, H, points of a window, D] -> [B, H, S, D]: undoes `cut`."""
        heads, width = x.shape[1], x.shape[3]
        x = x.reshape(batch, *self.counts, heads, *self.size, width)
        count = len(self.plane)
        pairs = chain.from_iterable((1 + axis, 2 + count + axis) for axis in range(count))
        x = x.permute(0, 1 + count, *pairs, x.dim() - 1).reshape(batch, heads, *self.padded, width)
        x = self._rolled(x, self.shift)
        for axis, length in enumerate(self.plane):
            x = x.narrow(2 + axis, 0, length)
        return x.flatten(2, 1 + count)

    def _rolled(self, x: Tensor, shifts: Sequence[int]) -> Tensor:
        return x.roll(tuple(shifts), tuple(range(2, 2 + len(shifts)))) if any(shifts) else x
