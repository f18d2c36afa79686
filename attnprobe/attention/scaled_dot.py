"""Scaled dot-product attention step by step, as in the textbook: for reading, and for weights to look at.

    scores = query @ key^T / √D + bias                 [B, H, L, S]
    weights = softmax(scores)                          [B, H, L, S]
    out = weights @ value                              [B, H, L, Dv]

Cost: 4 B H L S D FLOPs; memory B H L S. Keeps everything. Exact: the same as `Sdpa`, which is faster and
needs less memory.
Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.1, equation 1. The softmax is taken in float32 at
least.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import ALL, Mask
from attnprobe.attention.foundation.plain import plain_attention
from attnprobe.attention.foundation.scores import grouped_scores, grouped_sums, masked_softmax
from attnprobe.attention.sdpa import Sdpa


class ScaledDot(Core):
    """Matmul, softmax, matmul.

    Args:
        dropout: Probability, in training, of the weights.
    """

    supports: ClassVar[frozenset[str]] = Sdpa.supports

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = dropout

    def weights(self, query: Tensor, key: Tensor, mask: Mask = ALL, *, scale: float | None = None) -> Tensor:
        """How much each query takes of each key, [B, H, L, S]; rows sum to 1, to 0 where no key is seen."""
        scores = grouped_scores(query * (self.usual_scale(query.shape[3]) if scale is None else scale), key)
        if mask.bias is not None:
            scores = scores + mask.bias.to(scores.dtype)
        return masked_softmax(scores, mask.visible(query.shape[2], key.shape[2], query.device))

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """The weights, then their sums of values."""
        weights = F.dropout(self.weights(query, key, mask, scale=scale), self.dropout, self.training)
        return grouped_sums(weights, value)

    def reference(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """With keys and values repeated for every head."""
        return plain_attention(query, key, value, mask, scale)


attention = ScaledDot
