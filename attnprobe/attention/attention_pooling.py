"""Attention pooling: a few learned queries read all tokens, whatever their number.

    out = attention(seeds, x)                          seeds [P, E] learned, x [B, S, E] -> [B, P, E]

Cost: 4 B S E² FLOPs for keys and values and 4 B P S E between them; memory linear in S. Replaces the mean or
the first token as the summary of a sequence: keeps what P questions ask for, loses the order and the rest;
new parameters (retrain).
Source: Lee et al. 2019, arXiv:1810.00825, section 3.2, without its feed-forward layers.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import ALL, Mask
from attnprobe.attention.foundation.modules import Attention
from attnprobe.errors import MaskError


class AttentionPooling(nn.Module):
    """Tokens in, `num_queries` summaries out.

    Args:
        embed_dim: Width E of the tokens.
        num_heads: Heads H.
        num_queries: Summaries P.
        core: What happens between the projections; None: scaled dot-product attention.
        options: Further ones of `Attention`.
    """

    supports: ClassVar[frozenset[str]] = frozenset(("bidirectional", "padding"))

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        num_queries: int = 1,
        core: Core | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self.seeds = nn.Parameter(torch.randn(num_queries, embed_dim) * embed_dim**-0.5)
        self.attention = Attention(embed_dim, num_heads, core, **options)

    def forward(self, x: Tensor, *, mask: Mask = ALL) -> Tensor:
        """[B, S, E] -> [B, P, E]; the mask may hold padding only.

        Raises:
            MaskError: The mask holds more than padding.
        """
        out: Tensor = self.attention(self._queries(x, mask), x, mask=mask)
        return out

    def reference(self, x: Tensor, *, mask: Mask = ALL) -> Tensor:
        """The same with the reference of the core."""
        return self.attention.reference(self._queries(x, mask), x, mask=mask)

    def _queries(self, x: Tensor, mask: Mask) -> Tensor:
        if extra := mask.parts - {"padding"}:
            raise MaskError(
                f"AttentionPooling does not support {', '.join(sorted(extra))}: its queries have no place"
            )
        return self.seeds.expand(x.shape[0], -1, -1)


attention = AttentionPooling
