"""Talking heads: scores, and then weights, are mixed across the heads.

    scores'_h  = sum over g of before[h, g] · scores_g     [B, H, L, S]
    weights_h  = softmax(scores'_h + bias_h)
    weights'_h = sum over g of after[h, g] · weights_g
    out = weights' @ value

Cost: 4 B H L S D + 4 B H² L S FLOPs; memory B H l S for l queries at a time, in training B H L S; no fused
kernel. Keeps what all heads see and lets them share it; loses the fused kernel. Both mixtures start as the
identity: exactly plain attention until they are trained.
Source: Shazeer et al. 2020, arXiv:2003.02436, section 3. Departure: as many heads in the middle as outside.
Mask and bias belong to the mixed scores.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import Mask
from attnprobe.attention.foundation.plain import plain_softmax, repeated
from attnprobe.attention.foundation.scores import by_rows, grouped_scores, grouped_sums, masked_softmax
from attnprobe.attention.sdpa import Sdpa
from attnprobe.errors import ShapeError


class TalkingHeads(Core):
    """Attention whose heads share scores and weights.

    Args:
        num_heads: Query heads H.
        chunk_size: Queries at a time; None: 64 on CPU, 1024 elsewhere.
    """

    supports: ClassVar[frozenset[str]] = Sdpa.supports

    def __init__(self, num_heads: int, chunk_size: int | None = None) -> None:
        super().__init__()
        self.before = nn.Parameter(torch.eye(num_heads))
        self.after = nn.Parameter(torch.eye(num_heads))
        self.chunk_size = chunk_size

    def check(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask) -> None:
        """As every core; and the heads must be those that the mixtures were made for."""
        super().check(query, key, value, mask)
        if query.shape[1] != len(self.before):
            raise ShapeError(f"TalkingHeads: {query.shape[1]} query heads; built for {len(self.before)}")

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """A few queries at a time."""

        def rows(queries: Tensor, visible: Tensor | None, bias: Tensor | None) -> Tensor:
            scores = _mixed(self.before, grouped_scores(queries, key))
            if bias is not None:
                scores = scores + bias.to(scores.dtype)
            return grouped_sums(_mixed(self.after, masked_softmax(scores, visible)), value)

        return by_rows(rows, query * scale, key.shape[2], mask, self.chunk_size)

    def reference(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """By the formula."""
        raw = query @ repeated(key, query.shape[1]).mT * scale
        scores = torch.einsum("hg,bgls->bhls", self.before, raw)
        if mask.bias is not None:
            scores = scores + mask.bias
        visible = mask.visible(query.shape[2], key.shape[2], query.device)
        if visible is not None:
            scores = scores.masked_fill(~visible, float("-inf"))
        weights = torch.einsum("hg,bgls->bhls", self.after, plain_softmax(scores))
        return weights @ repeated(value, query.shape[1])


def _mixed(mixture: Tensor, maps: Tensor) -> Tensor:
    """[H, H] x [B, H, l, S] -> [B, H, l, S]."""
    return (mixture.to(maps.dtype) @ maps.flatten(2)).view(maps.shape)


attention = TalkingHeads
