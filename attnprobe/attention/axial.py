"""Attention along the rows of a plane, then along its columns.

    y = attention of every row of x         [B H, W, E]
    out = attention of every column of y    [B W, H, E]

After both, every point has met every other one, through the corner between them.
Cost: 4 B H W (H + W) E FLOPs besides the two sets of projections, S^1.5 on a square; memory linear in S.
Keeps rows and columns whole; loses direct sight of other points. A plane of one row is full attention.
Exactness: retrain (twice the projections). Source: Ho et al. 2019, arXiv:1912.12180, section 3; both axes
one after the other in one layer as in Wang et al. 2020, arXiv:2003.07853, without its relative positions.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from attnprobe.attention.foundation.caches import Cache
from attnprobe.attention.foundation.masks import ALL, Mask
from attnprobe.attention.foundation.modules import Attention
from attnprobe.attention.planes.layout import Plane, coordinates, plane_of
from attnprobe.attention.planes.requests import refuse_beyond
from attnprobe.errors import ShapeError


class Axial(nn.Module):
    """Two attention layers, one per axis.

    Args:
        embed_dim: Width E.
        num_heads: Heads of each layer.
        plane: (height, width) of the tokens, row by row; None: one row. May be set anew.
        num_kv_heads: Key-value heads of each layer; None: as many as heads.

    Raises:
        ShapeError: The plane has not two axes.
    """

    supports: ClassVar[frozenset[str]] = frozenset(("bidirectional", "padding"))

    def __init__(
        self, embed_dim: int, num_heads: int, *, plane: Plane | None = None, num_kv_heads: int | None = None
    ) -> None:
        super().__init__()
        if plane is not None and len(plane) != 2:
            raise ShapeError(f"Axial: plane is (height, width); got {plane}")
        self.plane = plane
        self.rows = Attention(embed_dim, num_heads, num_kv_heads=num_kv_heads)
        self.columns = Attention(embed_dim, num_heads, num_kv_heads=num_kv_heads)

    def forward(
        self, x: Tensor, context: Tensor | None = None, *, mask: Mask = ALL, cache: Cache | None = None
    ) -> Tensor:
        """[B, S, E] -> [B, S, E].

        Raises:
            ShapeError: The tokens do not fill the plane.
            MaskError: The mask sets more than padding, or there is a context or a cache.
        """
        refuse_beyond(self.supports, "Axial", context, mask, cache)
        sizes = self._sizes(x)
        x = x.reshape(x.shape[0], *sizes, x.shape[2])
        padding = None if mask.padding is None else mask.padding.reshape(x.shape[0], *sizes)
        x = _along_rows(self.rows, x, padding)
        padding = None if padding is None else padding.transpose(1, 2)
        return _along_rows(self.columns, x.transpose(1, 2), padding).transpose(1, 2).flatten(1, 2)

    def reference(self, x: Tensor, context: Tensor | None = None, *, mask: Mask = ALL) -> Tensor:
        """Full attention behind dense masks: the same row, then the same column."""
        row, column = coordinates(self._sizes(x), x.device)
        for axis, layer in ((row, self.rows), (column, self.columns)):
            together = axis[:, None] == axis[None, :]
            x = layer.reference(x, mask=Mask(padding=mask.padding, dense=together))
        return x

    def _sizes(self, x: Tensor) -> Plane:
        return (1, x.shape[1]) if self.plane is None else plane_of(self.plane, x.shape[1], "Axial")


def _along_rows(layer: nn.Module, x: Tensor, padding: Tensor | None) -> Tensor:
    """Every row on its own. [B, H, W, E] -> [B, H, W, E]."""
    mask = ALL if padding is None else Mask(padding=padding.flatten(0, 1))
    out: Tensor = layer(x.flatten(0, 1), mask=mask)
    return out.reshape(x.shape)


attention = Axial
