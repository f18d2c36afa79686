"""Soft-capped scores: none is larger than the cap.

    scores = c · tanh(query @ key^T · scale / c) + bias
    out = softmax(scores) @ value                      [B, H, L, D] x [B, G, S, D] -> [B, H, L, Dv]

Cost: 4 B H L S D FLOPs and B H L S tanh; memory B H l S for l queries at a time, in training B H L S. No
fused kernel of torch on CPU does it. Keeps the order of the scores and their gradient where |scores| << c;
approximate: equal to full attention as c grows, with an error of order max|score|³ / c².
Source: Gemma Team 2024, arXiv:2408.00118, section 2 (c = 50). Bias and mask come after the cap.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import Mask
from attnprobe.attention.foundation.plain import plain_softmax, repeated
from attnprobe.attention.foundation.scores import by_rows, grouped_scores, grouped_sums, masked_softmax
from attnprobe.attention.sdpa import Sdpa
from attnprobe.errors import ShapeError


class SoftCap(Core):
    """Attention with bounded scores.

    Args:
        cap: The largest score c, positive.
        chunk_size: Queries at a time; None: 64 on CPU, 1024 elsewhere.

    Raises:
        ShapeError: The cap is not positive.
    """

    supports: ClassVar[frozenset[str]] = Sdpa.supports

    def __init__(self, cap: float = 50.0, chunk_size: int | None = None) -> None:
        super().__init__()
        if cap <= 0:
            raise ShapeError(f"cap is {cap}; expected a positive number")
        self.cap, self.chunk_size = cap, chunk_size

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """A few queries at a time."""

        def rows(queries: Tensor, visible: Tensor | None, bias: Tensor | None) -> Tensor:
            scores = torch.tanh(grouped_scores(queries, key)) * self.cap
            if bias is not None:
                scores = scores + bias.to(scores.dtype)
            return grouped_sums(masked_softmax(scores, visible), value)

        return by_rows(rows, query * (scale / self.cap), key.shape[2], mask, self.chunk_size)

    def reference(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """All pairs at once."""
        scores = self.cap * torch.tanh(query @ repeated(key, query.shape[1]).mT * scale / self.cap)
        if mask.bias is not None:
            scores = scores + mask.bias
        visible = mask.visible(query.shape[2], key.shape[2], query.device)
        if visible is not None:
            scores = scores.masked_fill(~visible, float("-inf"))
        return plain_softmax(scores) @ repeated(value, query.shape[1])


attention = SoftCap
