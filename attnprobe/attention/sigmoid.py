"""Sigmoid attention: every key is weighed for itself, without competition.

    out_i = sum over visible j of σ(q_i · k_j · scale + bias_ij - log n_i) value_j        n_i keys that i sees

Cost: 4 B H L S D FLOPs; memory B H l S for l queries at a time, in training B H L S. Keeps every key's own
weight and has no sinks, since a query may take nothing; loses the normalisation, so it must be trained anew
(retrain).
Source: Ramapuram et al. 2024, arXiv:2409.04431, section 2. Departure: they subtract log of the sequence's
length; here it is the keys that the query sees, so that padding and decoding change nothing.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import Mask
from attnprobe.attention.foundation.plain import repeated
from attnprobe.attention.foundation.scores import by_rows, grouped_scores, grouped_sums
from attnprobe.attention.sdpa import Sdpa


class Sigmoid(Core):
    """Attention with an elementwise sigmoid for the softmax.

    Args:
        score_bias: Added to all scores; None: -log of the keys that the query sees.
        chunk_size: Queries at a time; None: 64 on CPU, 1024 elsewhere.
    """

    supports: ClassVar[frozenset[str]] = Sdpa.supports

    def __init__(self, score_bias: float | None = None, chunk_size: int | None = None) -> None:
        super().__init__()
        self.score_bias, self.chunk_size = score_bias, chunk_size

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """A few queries at a time."""

        def rows(queries: Tensor, visible: Tensor | None, bias: Tensor | None) -> Tensor:
            scores = grouped_scores(queries, key)
            if bias is not None:
                scores = scores + bias.to(scores.dtype)
            weights = torch.sigmoid(scores + self._offset(scores, visible))
            if visible is not None:
                weights = weights.masked_fill(~visible, 0.0)
            return grouped_sums(weights, value)

        return by_rows(rows, query * scale, key.shape[2], mask, self.chunk_size)

    def reference(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """σ(s - log n) = 1 / (1 + n exp(-s))."""
        scores = query @ repeated(key, query.shape[1]).mT * scale
        if mask.bias is not None:
            scores = scores + mask.bias
        visible = mask.visible(query.shape[2], key.shape[2], query.device)
        seen = torch.ones_like(scores) if visible is None else visible.to(scores).expand_as(scores)
        counts = (
            seen.sum(-1, keepdim=True) if self.score_bias is None else torch.tensor(-self.score_bias).exp()
        )
        return seen / (1 + counts * torch.exp(-scores)) @ repeated(value, query.shape[1])

    def _offset(self, scores: Tensor, visible: Tensor | None) -> Tensor | float:
        if self.score_bias is not None:
            return self.score_bias
        if visible is None:
            return -torch.log(scores.new_full((), scores.shape[-1]))
        return -visible.sum(-1, keepdim=True).clamp_min(1).to(scores.dtype).log()


attention = Sigmoid
