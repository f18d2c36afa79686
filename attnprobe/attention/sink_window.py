"""Every query sees the first keys and those near to it.

    out_i = softmax_j(query_i · key_j · scale) @ value_j,  j < s, or j in the window of i
                                                                        [B, H, L, D] -> [B, H, L, Dv]

Cost: about 4 B H L (s + 5/4 w) D FLOPs, memory linear in L; decoding keeps s + w - 1 tokens.
Keeps what is near, and the first tokens, where trained models park the weight that belongs nowhere. Loses the
rest. Positions stay those of the text; the paper counts them within the cache, which is the caller's choice.
Approximate; exact where s + w >= S (causal). Source: Xiao et al. 2023, arXiv:2309.17453, section 3.2.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from attnprobe.attention.foundation.caches import Cache, KeyValueCache
from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import Mask
from attnprobe.attention.foundation.plain import plain_attention
from attnprobe.attention.sparse.rows import attend_rows, narrowed, positions
from attnprobe.attention.sparse.windows import checked_size, reach_of, sink_rule, window_rows, within
from attnprobe.errors import ShapeError


class SinkWindow(Core):
    """Attention to the first keys and to the nearest ones.

    Args:
        sinks: First keys that every query sees, padding included: pad behind, not in front.
        window_size: Nearest keys that a query sees, its own among them.

    Raises:
        ShapeError: window_size is below 1, or sinks below 0.
    """

    supports: ClassVar[frozenset[str]] = frozenset(
        ("causal", "bidirectional", "cross", "padding", "segments", "dense", "bias", "grouped", "decode")
    )
    has_linear_memory: ClassVar[bool] = True

    def __init__(self, sinks: int = 4, window_size: int = 256) -> None:
        super().__init__()
        if sinks < 0:
            raise ShapeError(f"SinkWindow: sinks is {sinks}; expected 0 or more")
        self.sinks, self.window_size = sinks, checked_size("SinkWindow", window_size)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """A loop of fused calls, one for a block of queries with the sinks and the keys around it."""
        reach = within(reach_of(self.window_size, mask.is_causal), mask)
        q_len, kv_len = query.shape[2], key.shape[2]
        rows = window_rows(q_len, kv_len, reach, always=((0, self.sinks),))
        return attend_rows(query, key, value, mask, scale, rows, sink_rule(reach, self.sinks, mask.is_causal))

    def reference(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """Full attention under a mask with the sinks and the window."""
        left, right = reach_of(self.window_size, mask.is_causal)
        query_at, key_at = positions(query.shape[2], key.shape[2], key.device)
        near = (key_at >= query_at - left) & (key_at <= query_at + right)
        visible = near | (key_at < self.sinks)
        return plain_attention(query, key, value, narrowed(mask, visible), scale)

    def new_cache(self) -> Cache:
        """Keeps the sinks and what the next token can see."""
        return KeyValueCache(limit=self.window_size - 1, sinks=self.sinks)

    def extra_repr(self) -> str:
        """Sinks and window."""
        return f"sinks={self.sinks}, window_size={self.window_size}"


attention = SinkWindow
