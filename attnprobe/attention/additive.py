"""Additive attention: the score is a small network of query and key.

    score(q, k) = w · tanh(W q + U k + b)              W, U [A, D], w [A]; D the width of a head, A hidden
    out = softmax(scores) @ value                      [B, H, L, D] x [B, G, S, D] -> [B, H, L, Dv]

Cost: about 3 B H L S A elementwise operations and as many tanh, which no matrix unit speeds up; memory
B H l S A for l queries at a time, in training B H L S A. For short sequences and small decoders; about a
hundred times slower than `Sdpa`. Keeps all that softmax attention keeps; must be trained anew (retrain).
Source: Bahdanau et al. 2014, arXiv:1409.0473, appendix A.1.2. Departure: heads, which share one network.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import Mask
from attnprobe.attention.foundation.plain import plain_softmax, repeated
from attnprobe.attention.foundation.scores import by_rows, grouped_sums, masked_softmax, wide
from attnprobe.attention.sdpa import Sdpa


class Additive(Core):
    """Bahdanau's alignment model as a core. There is no scale: `scale` multiplies the scores if given.

    Args:
        head_dim: Width D of the heads.
        hidden_dim: Width A of the network; None: D.
        chunk_size: Queries at a time.
    """

    supports: ClassVar[frozenset[str]] = Sdpa.supports

    def __init__(self, head_dim: int, hidden_dim: int | None = None, chunk_size: int = 64) -> None:
        super().__init__()
        hidden = head_dim if hidden_dim is None else hidden_dim
        self.query_proj = nn.Linear(head_dim, hidden)
        self.key_proj = nn.Linear(head_dim, hidden, bias=False)
        self.score_proj = nn.Linear(hidden, 1, bias=False)
        self.chunk_size = chunk_size

    def usual_scale(self, head_dim: int) -> float:
        """1: a tanh is bounded already."""
        return 1.0

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """The hidden layer of queries and of keys once, their sums for `chunk_size` queries at a time."""
        heads = query.shape[1]
        keys = repeated(self.key_proj(key), heads)[:, :, None]  # [B, H, 1, S, A]

        def rows(queries: Tensor, visible: Tensor | None, bias: Tensor | None) -> Tensor:
            hidden = (queries[:, :, :, None] + keys).tanh_()  # [B, H, l, S, A]
            scores = wide(self.score_proj(hidden).squeeze(-1)) * scale
            if bias is not None:
                scores = scores + bias.to(scores.dtype)
            return grouped_sums(masked_softmax(scores, visible), value)

        return by_rows(rows, self.query_proj(query), key.shape[2], mask, self.chunk_size)

    def reference(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """All pairs at once."""
        pairs = (
            self.query_proj(query)[:, :, :, None] + self.key_proj(repeated(key, query.shape[1]))[:, :, None]
        )
        scores = (torch.tanh(pairs) * self.score_proj.weight[0]).sum(-1) * scale
        if mask.bias is not None:
            scores = scores + mask.bias
        visible = mask.visible(query.shape[2], key.shape[2], query.device)
        if visible is not None:
            scores = scores.masked_fill(~visible, float("-inf"))
        return plain_softmax(scores) @ repeated(value, query.shape[1])


attention = Additive
