"""Fused attention of grouped heads: keys and values are never repeated for the query heads that share them.

    out_h = softmax(q_h k_g^T · scale + bias) v_g,  g = h // (H / G)
    [B, H, L, D] x [B, G, S, D] x [B, G, S, Dv] -> [B, H, L, Dv]

Cost: 4 B H L S D FLOPs; saves the copies of 2 B (H - G) S D numbers. In decoding the heads of a group
become the queries of one call, which reads the cache once. Keeps everything. Exact.
Source: Ainslie et al. 2023, arXiv:2305.13245, section 2.2; `enable_gqa` of torch's fused call.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from attnprobe.attention.foundation.masks import Mask
from attnprobe.attention.foundation.plain import plain_attention
from attnprobe.attention.sdpa import Sdpa
from attnprobe.errors import ShapeError


class GroupedSdpa(Sdpa):
    """`Sdpa`, which can also be put where keys and values arrive repeated already.

    Args:
        num_kv_heads: Keys and values of more heads than G hold H / G copies of each in a row, as
            `repeat_interleave` makes them; the first of each is read. None: they come as they are.
        dropout: Probability, in training.
    """

    has_linear_memory: ClassVar[bool] = True

    def __init__(self, num_kv_heads: int | None = None, dropout: float = 0.0) -> None:
        super().__init__(dropout)
        self.num_kv_heads = num_kv_heads

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """One fused call on the heads that differ; what was repeated is a view."""
        return super().attend(query, self._distinct(key), self._distinct(value), mask, scale)

    def reference(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """Matmul, softmax, matmul."""
        return plain_attention(query, self._distinct(key), self._distinct(value), mask, scale)

    def _distinct(self, tensor: Tensor) -> Tensor:
        """[B, H or G, S, D] -> [B, G, S, D]."""
        heads, groups = tensor.shape[1], self.num_kv_heads
        if groups is None or heads <= groups:
            return tensor
        if heads % groups:
            raise ShapeError(f"GroupedSdpa: {heads} heads are no multiple of num_kv_heads ({groups})")
        return tensor[:, :: heads // groups]


attention = GroupedSdpa
