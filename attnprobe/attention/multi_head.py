"""Multi-head attention: every query head has keys and values of its own.

    out = concat_h(softmax(x W_q,h (x W_k,h)^T / √D) x W_v,h) W_o      x [B, S, E] -> [B, S, E]

Cost: 8 B S E² FLOPs for the projections and 4 B S² E between them; cache 2 E numbers per token. Keeps
everything. Exact.
Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2.
"""

from __future__ import annotations

from typing import Any

from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.modules import Attention


class MultiHead(Attention):
    """`Attention` with as many key-value heads as query heads.

    Args:
        embed_dim: Width E of the model.
        num_heads: Heads H.
        core: What happens between the projections; None: scaled dot-product attention.
        options: Further ones of `Attention`.
    """

    def __init__(self, embed_dim: int, num_heads: int, core: Core | None = None, **options: Any) -> None:
        super().__init__(embed_dim, num_heads, core, **options)


attention = MultiHead
