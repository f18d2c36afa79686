"""Every query sees every r-th key of a longer stretch.

    out_i = softmax_j(query_i · key_j · scale) @ value_j,  j = i + r m,  m in the window of m = 0
                                                                        [B, H, L, D] -> [B, H, L, Dv]

    causal:         -w < m <= 0
    bidirectional:  -(w//2) <= m <= (w - 1)//2

Cost: that of a sliding window, about 5 B H L w D FLOPs, and a copy of query, key and value; memory linear in
L. Decoding keeps r (w - 1) tokens. Reaches r times as far as a plain window, but a token never hears of those
between: tokens of different remainder modulo r stay apart, so it belongs beside plain windows in other heads
or layers. Retrain; full attention where r = 1 and w >= S (causal).
Source: Beltagy et al. 2020, arXiv:2004.05150, section 3.1; Ding et al. 2023, arXiv:2307.02486, section 2.2.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from attnprobe.attention.foundation.caches import Cache, KeyValueCache
from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import Mask
from attnprobe.attention.foundation.plain import plain_attention
from attnprobe.attention.sparse.rows import attend_rows, narrowed, positions
from attnprobe.attention.sparse.windows import checked_size, reach_of, window_rows, window_rule
from attnprobe.errors import ShapeError


class DilatedWindow(Core):
    """Attention to keys that are multiples of `dilation` away.

    Args:
        window_size: Keys that a query sees, its own among them.
        dilation: Positions r from one of them to the next.

    Raises:
        ShapeError: window_size or dilation is below 1.
    """

    supports: ClassVar[frozenset[str]] = frozenset(
        ("causal", "bidirectional", "cross", "padding", "segments", "grouped", "decode")
    )
    has_linear_memory: ClassVar[bool] = True

    def __init__(self, window_size: int = 256, dilation: int = 2) -> None:
        super().__init__()
        if dilation < 1:
            raise ShapeError(f"DilatedWindow: dilation is {dilation}; expected 1 or more")
        self.window_size, self.dilation = checked_size("DilatedWindow", window_size), dilation

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """Tokens of one remainder modulo r are a sequence of their own, with a plain window."""
        step, q_len = self.dilation, query.shape[2]
        q, k, v = _folded(query, step), _folded(key, step), _folded(value, step)
        reach = reach_of(self.window_size, mask.is_causal)
        rows = window_rows(q.shape[2], k.shape[2], reach)
        inner = Mask(padding=_padding(mask, key, step), segments=_segments(mask, step))
        out = attend_rows(q, k, v, inner, scale, rows, window_rule(reach))
        out = out.reshape(-1, step, *out.shape[1:]).movedim(1, 3).flatten(2, 3)  # [B, H, L + pad, Dv]
        return out[:, :, out.shape[2] - q_len :]

    def reference(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """Full attention under a mask with the window's pattern."""
        left, right = (side * self.dilation for side in reach_of(self.window_size, mask.is_causal))
        query_at, key_at = positions(query.shape[2], key.shape[2], key.device)
        near = (key_at >= query_at - left) & (key_at <= query_at + right)
        visible = near & ((key_at - query_at) % self.dilation == 0)
        return plain_attention(query, key, value, narrowed(mask, visible), scale)

    def new_cache(self) -> Cache:
        """Keeps what the next token can see, and what lies between."""
        return KeyValueCache(limit=(self.window_size - 1) * self.dilation)

    def extra_repr(self) -> str:
        """Window and dilation."""
        return f"window_size={self.window_size}, dilation={self.dilation}"


def _folded(tensor: Tensor, step: int) -> Tensor:
    """Every step-th token in a batch row of its own. [B, H, S, D] -> [B step, H, ceil(S / step), D].

    Padded at the front: queries and keys then keep their common end.
    """
    full = F.pad(tensor, (0, 0, -tensor.shape[2] % step, 0))
    apart = full.reshape(*full.shape[:2], -1, step, full.shape[3])
    return apart.movedim(3, 1).flatten(0, 1)


def _folded_row(tensor: Tensor, step: int) -> Tensor:
    """[B, S] -> [B step, ceil(S / step)]."""
    return _folded(tensor[:, None, :, None], step)[:, 0, :, 0]


def _padding(mask: Mask, key: Tensor, step: int) -> Tensor | None:
    """True where a key is a real one, of the mask and of the folding; None: all are."""
    if mask.padding is None and key.shape[2] % step == 0:
        return None
    real = torch.ones(key.shape[0], key.shape[2], dtype=torch.bool, device=key.device)
    return _folded_row(real if mask.padding is None else mask.padding, step)


def _segments(mask: Mask, step: int) -> Tensor | None:
    return None if mask.segments is None else _folded_row(mask.segments, step)


attention = DilatedWindow
