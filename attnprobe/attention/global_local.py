"""A window, and a few tokens that see all and are seen by all.

    out_i = softmax_j(query_i · key_j · scale) @ value_j                [B, H, L, D] -> [B, H, L, Dv]

    i < g: all j;  else: j < g, or i - w//2 <= j <= i + (w - 1)//2      (causal: no j later than i)

Cost: 4 B H (L (g + 5/4 w) + g S) D FLOPs, memory linear in L; decoding keeps g + w - 1 tokens.
Keeps what is near, and a path of two steps between any two tokens, through the global ones. Under a causal
mask these see only themselves, so that they are sinks. Global are the first g tokens (a class token, a
question); projections of their own for global attention, as in the paper, are left out.
Approximate; exact where g + w >= S (causal). Source: Beltagy et al. 2020, arXiv:2004.05150, section 3.1.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from attnprobe.attention.foundation.caches import Cache, KeyValueCache
from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import Mask
from attnprobe.attention.foundation.plain import plain_attention
from attnprobe.attention.sparse.rows import Row, attend_rows, merged, narrowed, positions
from attnprobe.attention.sparse.windows import checked_size, global_rule, reach_of, window_rows
from attnprobe.errors import ShapeError


class GlobalLocal(Core):
    """Attention to the nearest keys, with global tokens at the beginning.

    Args:
        global_tokens: First tokens that see all and are seen by all, padding included: pad behind.
        window_size: Nearest keys that the others see, their own among them.

    Raises:
        ShapeError: window_size is below 1, or global_tokens below 0.
    """

    supports: ClassVar[frozenset[str]] = frozenset(
        ("causal", "bidirectional", "padding", "segments", "dense", "bias", "grouped", "decode")
    )
    has_linear_memory: ClassVar[bool] = True

    def __init__(self, global_tokens: int = 1, window_size: int = 512) -> None:
        super().__init__()
        if global_tokens < 0:
            raise ShapeError(f"GlobalLocal: global_tokens is {global_tokens}; expected 0 or more")
        self.global_tokens, self.window_size = global_tokens, checked_size("GlobalLocal", window_size)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """One fused call for the global tokens, then one for every block of the others."""
        q_len, kv_len = query.shape[2], key.shape[2]
        reach = reach_of(self.window_size, mask.is_causal)
        # Queries that are global tokens themselves: none when decoding far from the beginning.
        first = min(max(self.global_tokens - (kv_len - q_len), 0), q_len)
        seen = merged(((0, self.global_tokens if mask.is_causal else kv_len),), kv_len)
        rows = [Row(0, first, seen)] if first else []
        rows += window_rows(q_len, kv_len, reach, always=((0, self.global_tokens),), start=first)
        rule = global_rule(reach, self.global_tokens, mask.is_causal)
        return attend_rows(query, key, value, mask, scale, rows, rule)

    def reference(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """Full attention under a mask with the window and the global rows and columns."""
        left, right = reach_of(self.window_size, mask.is_causal)
        query_at, key_at = positions(query.shape[2], key.shape[2], key.device)
        near = (key_at >= query_at - left) & (key_at <= query_at + right)
        visible = near | (key_at < self.global_tokens) | (query_at < self.global_tokens)
        return plain_attention(query, key, value, narrowed(mask, visible), scale)

    def new_cache(self) -> Cache:
        """Keeps the global tokens and what the next token can see."""
        return KeyValueCache(limit=self.window_size - 1, sinks=self.global_tokens)

    def extra_repr(self) -> str:
        """Global tokens and window."""
        return f"global_tokens={self.global_tokens}, window_size={self.window_size}"


attention = GlobalLocal
