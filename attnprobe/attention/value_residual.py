"""Value residual: deeper layers also read the values of the first.

    v_l = x_l W_v + a_l · v_1                          a_l one learned number, started at 0

Cost: that of the attention inside and B S G D additions; during a forward pass the first layer's values stay
in memory, in decoding they are in the cache already mixed. Keeps token information that deep layers lose.
Exactly the attention inside until a is trained.
Source: Zhou et al. 2024, arXiv:2410.17897. Departure: their two factors are one, so that it starts
at the identity.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from attnprobe.attention.foundation.caches import Cache
from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import ALL, Mask
from attnprobe.attention.foundation.modules import Attention, prompt_padding, split
from attnprobe.errors import ShapeError


class ValueResidual(Attention):
    """`Attention` that takes the first layer's values: layer(x, first_values=first.values(x_1)).

    Args:
        embed_dim: Width E of the model.
        num_heads: Query heads H.
        core: What happens between the projections; None: scaled dot-product attention.
        options: Further ones of `Attention`.
    """

    def __init__(self, embed_dim: int, num_heads: int, core: Core | None = None, **options: Any) -> None:
        super().__init__(embed_dim, num_heads, core, **options)
        self.mix = nn.Parameter(torch.zeros(()))

    def values(self, x: Tensor) -> Tensor:
        """What the first layer gives to the others: [B, S, E] -> [B, G, S, D]."""
        return split(self.v_proj(x), self.num_kv_heads)

    def forward(
        self,
        x: Tensor,
        context: Tensor | None = None,
        *,
        mask: Mask = ALL,
        cache: Cache | None = None,
        first_values: Tensor | None = None,
    ) -> Tensor:
        """As `Attention`; `first_values` [B, G, S, D] are those of the same tokens in the first layer."""
        query, key, value = self.projected(x, context, 0 if cache is None else cache.length)
        value = self._mixed(value, first_values)
        if cache is None:
            return self.merged(self.core(query, key, value, mask), x)
        prompt_padding(mask, cache)
        return self.merged(self.core.decode(query, key, value, cache), x)

    def reference(
        self,
        x: Tensor,
        context: Tensor | None = None,
        *,
        mask: Mask = ALL,
        first_values: Tensor | None = None,
    ) -> Tensor:
        """The same with the reference of the core."""
        query, key, value = self.projected(x, context, 0)
        scale = self.core.usual_scale(self.head_dim)
        mixed = self._mixed(value, first_values)
        return self.merged(self.core.reference(query, key, mixed, mask, scale), x)

    def _mixed(self, value: Tensor, first_values: Tensor | None) -> Tensor:
        if first_values is None:
            return value
        if first_values.shape != value.shape:
            raise ShapeError(
                f"ValueResidual: first_values is {list(first_values.shape)}; expected {list(value.shape)}"
            )
        return value + self.mix * first_values


attention = ValueResidual
