"""Agent attention: a few agents, means of neighbouring queries, gather the values and hand them out.

    a   = means of queries over m stretches                              [B, H, m, D]
    out = softmax(q @ a^T · scale) (softmax(a @ k^T · scale) @ v)        [B, H, L, Dv]

Cost per head: 2 m (L + S) (D + Dv) FLOPs; memory linear in L and S.
Keeps what m questions about the whole sequence gather; loses single pairs of tokens.

Exactness: retrain. Source: Han et al. 2023, arXiv:2312.08874, section 3.2. Departures: agents are means
over the sequence, not over a plane; no agent bias and no depthwise convolution of the values. Where L = S,
padding is that of queries too.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import Mask
from attnprobe.attention.foundation.plain import plain_attention
from attnprobe.attention.landmarks.means import any_real, means, of_queries, seen, segments
from attnprobe.errors import ShapeError


class Agent(Core):
    """Agent attention.

    Args:
        agents: m.
    """

    supports: ClassVar[frozenset[str]] = frozenset(("bidirectional", "cross", "padding", "grouped"))
    has_linear_memory: ClassVar[bool] = True

    def __init__(self, agents: int = 64) -> None:
        super().__init__()
        if agents < 1:
            raise ShapeError(f"there is at least one agent; got {agents}")
        self.agents = agents

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """Two fused calls."""
        agents, real = self._agents(query, key.shape[2], mask.padding)
        gathered = F.scaled_dot_product_attention(
            agents,
            key,
            value,
            attn_mask=seen(mask.padding),
            scale=scale,
            enable_gqa=key.shape[1] != query.shape[1],
        )
        return F.scaled_dot_product_attention(query, agents, gathered, attn_mask=seen(real), scale=scale)

    def reference(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """By the formula, twice."""
        agents, real = self._agents(query, key.shape[2], mask.padding)
        gathered = plain_attention(agents, key, value, mask, scale)
        return plain_attention(query, agents, gathered, Mask(padding=real), scale)

    def _agents(self, query: Tensor, kv_len: int, padding: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Means of queries [B, H, m, D], and which of them are real, bool [B, m]."""
        of_q = of_queries(padding, query.shape[2], kv_len)
        runs = segments(query.shape[2], self.agents)
        return means(query, runs, of_q), any_real(of_q, runs)


attention = Agent
