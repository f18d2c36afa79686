"""Tokens attend to a memory that all samples share (external attention).

    s = q_proj(x) @ key_memory^T                    per head, [B, H, S, D] x [M, D] -> [B, H, S, M]
    a = softmax of s over the S tokens; weights = a / sum of a over the M slots       (double normalisation)
    out = o_proj(weights @ value_memory)            [B, H, S, M] x [M, D] -> [B, S, E]

Cost: 4 B H S M D FLOPs, memory B H S M: linear in the length S.
Keeps correlations over the whole data set, in the memories; tokens of a sample meet in the softmax
alone, so it is not causal. Exactness: retrain (there are no keys and values to copy).
Source: Guo et al. 2021, arXiv:2105.02358, sections 3.2 and 3.3; the heads share the memories.
Departure: both normalisations are done at once, as softmax over the slots of s less its log-sum-exp over the
tokens, which needs no epsilon and does not underflow.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from attnprobe.attention.foundation.caches import Cache
from attnprobe.attention.foundation.masks import ALL, Mask
from attnprobe.attention.foundation.modules import joined, split
from attnprobe.attention.planes.requests import refuse_beyond
from attnprobe.errors import ShapeError


class External(nn.Module):
    """Attention to a learned memory.

    Args:
        embed_dim: Width E.
        num_heads: Heads H; they share the memories.
        memory_size: Slots M.

    Raises:
        ShapeError: The width is no multiple of the heads.
    """

    supports: ClassVar[frozenset[str]] = frozenset(("bidirectional", "padding"))

    def __init__(self, embed_dim: int, num_heads: int = 1, memory_size: int = 64) -> None:
        super().__init__()
        if embed_dim % num_heads:
            raise ShapeError(f"embed_dim ({embed_dim}) is no multiple of num_heads ({num_heads})")
        self.num_heads, head_dim = num_heads, embed_dim // num_heads
        self.q_proj, self.o_proj = nn.Linear(embed_dim, embed_dim), nn.Linear(embed_dim, embed_dim)
        self.key_memory = nn.Parameter(torch.randn(memory_size, head_dim) * head_dim**-0.5)
        self.value_memory = nn.Parameter(torch.randn(memory_size, head_dim) * memory_size**-0.5)

    def forward(
        self, x: Tensor, context: Tensor | None = None, *, mask: Mask = ALL, cache: Cache | None = None
    ) -> Tensor:
        """[B, S, E] -> [B, S, E].

        Raises:
            MaskError: The mask sets more than padding, or there is a context or a cache.
        """
        refuse_beyond(self.supports, "External", context, mask, cache)
        scores = split(self.q_proj(x), self.num_heads) @ self.key_memory.T  # [B, H, S, M]
        if scores.dtype in (torch.float16, torch.bfloat16):
            scores = scores.float()
        total = _hidden(scores, mask).logsumexp(2, keepdim=True)  # over the tokens
        total = torch.where(total == float("-inf"), 0.0, total)  # a sample of padding alone
        weights = (scores - total).softmax(3).to(self.value_memory.dtype)
        return joined(weights @ self.value_memory, self.o_proj)

    def reference(self, x: Tensor, context: Tensor | None = None, *, mask: Mask = ALL) -> Tensor:
        """Softmax over the real tokens, then the share of every slot."""
        scores = split(self.q_proj(x), self.num_heads) @ self.key_memory.T
        total = _hidden(scores, mask).exp().sum(2, keepdim=True)
        per_slot = scores.exp() / torch.where(total == 0, 1.0, total)
        weights = per_slot / per_slot.sum(3, keepdim=True)
        return joined(weights @ self.value_memory, self.o_proj)


def _hidden(scores: Tensor, mask: Mask) -> Tensor:
    """-inf for the tokens of the padding. [B, H, S, M]."""
    return (
        scores if mask.padding is None else scores.masked_fill(~mask.padding[:, None, :, None], float("-inf"))
    )


attention = External
