"""Multi-query attention: all query heads read one head of keys and values.

    out_h = softmax(q_h k^T / √D) v                                    x [B, S, E] -> [B, S, E]

Cost: 4 B S E² (1 + 1/H) FLOPs for the projections and 4 B S² E between them; cache 2 D numbers per token
instead of 2 H D. Keeps a map of its own for every head, loses their own keys and values: the smallest cache
of this family, at some quality (retrain).
Source: Shazeer 2019, arXiv:1911.02150, section 3.
"""

from __future__ import annotations

from typing import Any

from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.modules import Attention


class MultiQuery(Attention):
    """`Attention` with one key-value head.

    Args:
        embed_dim: Width E of the model.
        num_heads: Query heads H.
        core: What happens between the projections; None: scaled dot-product attention.
        options: Further ones of `Attention`.
    """

    def __init__(self, embed_dim: int, num_heads: int, core: Core | None = None, **options: Any) -> None:
        super().__init__(embed_dim, num_heads, core, num_kv_heads=1, **options)


attention = MultiQuery
