"""Linformer: keys and values projected along the length to a fixed number of positions.

    K̄ = E K,  V̄ = F V                          [k, S] x [B, G, S, D] -> [B, G, k, D]
    out = softmax(q @ K̄^T · scale) @ V̄         [B, H, L, Dv]

Cost: 2 k (H L + G S) (D + Dv) FLOPs for each sample; memory linear in L and S. Keeps what k learned
combinations of positions hold; loses the rest, and any longer length than it was made for.

Exactness: retrain; k = seq_len is full attention at first. Source: Wang et al. 2020, arXiv:2006.04768,
section 4. E and F are shared by the heads (the paper's headwise sharing). Departures: they begin as means
over stretches of seq_len / k positions, not at random. Shorter sequences use the first columns; padding
counts as zeros.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import Mask
from attnprobe.attention.foundation.plain import plain_attention
from attnprobe.attention.landmarks.means import segments
from attnprobe.errors import ShapeError


class Linformer(Core):
    """Every query attends to `rank` learned combinations of the positions.

    Args:
        rank: Combinations k.
        seq_len: The longest sequence of keys.
    """

    supports: ClassVar[frozenset[str]] = frozenset(("bidirectional", "cross", "padding", "grouped"))
    has_linear_memory: ClassVar[bool] = True

    def __init__(self, rank: int = 256, seq_len: int = 4096) -> None:
        super().__init__()
        if not 1 <= rank <= seq_len:
            raise ShapeError(f"rank is between 1 and seq_len ({seq_len}); got {rank}")
        self.rank, self.seq_len = rank, seq_len
        start = _means(rank, seq_len)
        self.key_projection = nn.Parameter(start)  # E
        self.value_projection = nn.Parameter(start.clone())  # F

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """Two products along the length, then one fused call."""
        keys = _projected(self._columns(self.key_projection, key), key, mask.padding)
        values = _projected(self._columns(self.value_projection, value), value, mask.padding)
        return F.scaled_dot_product_attention(
            query, keys, values, scale=scale, enable_gqa=key.shape[1] != query.shape[1]
        )

    def reference(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """The projections as sums over positions; then by the formula."""
        real = 1.0 if mask.padding is None else mask.padding[:, None, :, None].to(key.dtype)
        keys = torch.einsum("ks,bgsd->bgkd", self._columns(self.key_projection, key), key * real)
        values = torch.einsum("ks,bgsd->bgkd", self._columns(self.value_projection, value), value * real)
        return plain_attention(query, keys, values, Mask(), scale)

    def _columns(self, projection: Tensor, x: Tensor) -> Tensor:
        if x.shape[2] > self.seq_len:
            raise ShapeError(f"Linformer was made for {self.seq_len} keys; got {x.shape[2]}")
        return projection[:, : x.shape[2]].to(x.dtype)


def _means(rank: int, seq_len: int) -> Tensor:
    """The projection whose rows take the means of stretches of nearly equal length, [k, seq_len]."""
    lengths = torch.tensor([length for count, length in segments(seq_len, rank) for _ in range(count)])
    rows = torch.arange(rank).repeat_interleave(lengths)
    start = torch.zeros(rank, seq_len)
    start[rows, torch.arange(seq_len)] = 1 / lengths[rows]
    return start


def _projected(projection: Tensor, x: Tensor, padding: Tensor | None) -> Tensor:
    """[k, S] x [B, G, S, D] -> [B, G, k, D], all heads in one product."""
    if padding is not None:
        x = x.masked_fill(~padding[:, None, :, None], 0.0)
    wide = x.transpose(1, 2).flatten(2)  # [B, S, G D]; no copy behind a projection layer
    return torch.unflatten((projection @ wide).to(x.dtype), 2, (x.shape[1], -1)).transpose(1, 2)


attention = Linformer
