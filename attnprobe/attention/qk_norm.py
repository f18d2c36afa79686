"""Query-key normalisation: scores are cosines times a learned factor, so they cannot explode.

    out = softmax(g · q/|q| · k/|k| + bias) @ value    g one number per head, learned

Cost: that of `Sdpa` and O(B (L + S) D) for the norms. Bounds every score by g, which keeps the softmax from
saturating; loses the norms of queries and keys, so it must be trained anew (retrain).
Source: Henry et al. 2020, arXiv:2010.04245; g starts at their log2(n² - n), where n, their
97.5th percentile of lengths, is the option `seq_len`. RMS normalisation with a weight, as in newer models, is
the option `qk_norm` of `Attention`.
"""

from __future__ import annotations

from math import log2
from typing import ClassVar

import torch
from torch import Tensor, nn

from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import Mask
from attnprobe.attention.foundation.plain import plain_attention
from attnprobe.attention.foundation.scores import wide
from attnprobe.attention.sdpa import Sdpa


class QkNorm(Core):
    """Cosine attention. `scale` multiplies g if given.

    Args:
        num_heads: Heads with a g of their own; 1: all share one.
        seq_len: Usual length of sequences, at least 2; g starts at log2(seq_len² - seq_len).
        dropout: Probability, in training.
    """

    supports: ClassVar[frozenset[str]] = Sdpa.supports
    has_linear_memory: ClassVar[bool] = True

    def __init__(self, num_heads: int = 1, seq_len: int = 1024, dropout: float = 0.0) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.full((num_heads, 1, 1), log2(seq_len * seq_len - seq_len)))
        self.inner = Sdpa(dropout)

    def usual_scale(self, head_dim: int) -> float:
        """1: the gain is the scale."""
        return 1.0

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """Fused attention of unit vectors."""
        turned = (_unit(query) * self.gain).to(query.dtype)
        return self.inner.attend(turned, _unit(key).to(key.dtype), value, mask, scale)

    def reference(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """By the formula."""
        unit_query = query / query.square().sum(-1, keepdim=True).sqrt() * self.gain
        unit_key = key / key.square().sum(-1, keepdim=True).sqrt()
        return plain_attention(unit_query, unit_key, value, mask, scale)


def _unit(vectors: Tensor) -> Tensor:
    """Of length 1, in float32 at least; zero stays zero."""
    vectors = wide(vectors)
    smallest = torch.finfo(vectors.dtype).tiny ** 0.5
    return nn.functional.normalize(vectors, dim=-1, eps=smallest)


attention = QkNorm
