"""Every query sees only the keys near to it.

    out_i = softmax_j(query_i · key_j · scale) @ value_j,  j in the window of i  [B, H, L, D] -> [B, H, L, Dv]

    causal:         i - w < j <= i
    bidirectional:  i - w//2 <= j <= i + (w - 1)//2                               w keys in both cases

Cost: about 5 B H L w D FLOPs (4 of them needed), memory linear in L; decoding keeps w - 1 tokens.
Keeps what is near, loses every direct path longer than w; n layers together reach n w back.
Approximate; exact where w >= S (causal). Source: Beltagy et al. 2020, arXiv:2004.05150, section 3.1; the
causal one as in Jiang et al. 2023, arXiv:2310.06825, section 2. Longformer's window has w + 1 keys.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from torch import Tensor

from attnprobe.attention.foundation.caches import Cache, KeyValueCache
from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import Mask
from attnprobe.attention.foundation.plain import plain_attention
from attnprobe.attention.sparse.rows import attend_rows
from attnprobe.attention.sparse.windows import checked_size, reach_of, window_rows, window_rule, within


class SlidingWindow(Core):
    """Attention to the nearest keys: to the last ones under a causal mask, else to both sides.

    Args:
        window_size: Keys that a query sees, its own among them.

    Raises:
        ShapeError: window_size is below 1.
    """

    supports: ClassVar[frozenset[str]] = frozenset(
        ("causal", "bidirectional", "cross", "padding", "window", "segments", "dense", "bias")
    ) | {"grouped", "decode"}
    has_linear_memory: ClassVar[bool] = True

    def __init__(self, window_size: int = 256) -> None:
        super().__init__()
        self.window_size = checked_size("SlidingWindow", window_size)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """A loop of fused calls, one for a block of queries and the keys around it."""
        reach = self._reach(mask)
        rows = window_rows(query.shape[2], key.shape[2], reach)
        return attend_rows(query, key, value, mask, scale, rows, window_rule(reach))

    def reference(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """Full attention under a mask with the window."""
        return plain_attention(query, key, value, replace(mask, window=self._reach(mask)), scale)

    def new_cache(self) -> Cache:
        """Keeps what the next token can see."""
        return KeyValueCache(limit=self.window_size - 1)

    def _reach(self, mask: Mask) -> tuple[int, int]:
        return within(reach_of(self.window_size, mask.is_causal), mask)

    def extra_repr(self) -> str:
        """The window's size."""
        return f"window_size={self.window_size}"


attention = SlidingWindow
