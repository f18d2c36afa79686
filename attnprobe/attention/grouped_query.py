"""Grouped-query attention: several query heads read the same keys and values.

    out_h = softmax(q_h k_g^T / √D) v_g,  g = h // (H / G)             x [B, S, E] -> [B, S, E]

Cost: 4 B S E² (1 + G/H) FLOPs for the projections and 4 B S² E between them; cache 2 G D numbers per token
instead of 2 H D. Decoding reads the cache once per group, the heads of a group together. Keeps all queries;
loses key heads (retrain; from the mean of each group's heads, 5 % of the training brings most of the quality
back).
Source: Ainslie et al. 2023, arXiv:2305.13245, section 2.2.
"""

from __future__ import annotations

from typing import Any

from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.modules import Attention


class GroupedQuery(Attention):
    """`Attention` with fewer key-value heads.

    Args:
        embed_dim: Width E of the model.
        num_heads: Query heads H.
        num_kv_heads: Key-value heads G, a divisor of H.
        core: What happens between the projections; None: scaled dot-product attention.
        options: Further ones of `Attention`.
    """

    def __init__(
        self, embed_dim: int, num_heads: int, num_kv_heads: int, core: Core | None = None, **options: Any
    ) -> None:
        super().__init__(embed_dim, num_heads, core, num_kv_heads=num_kv_heads, **options)


attention = GroupedQuery
