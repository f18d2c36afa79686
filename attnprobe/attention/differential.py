"""Differential attention: the difference of two softmax maps, so that what both attend to cancels.

    out_h = (softmax(q_h k_h^T / √D) - λ_h softmax(q'_h k'_h^T / √D)) v_h
    λ_h = exp(a_h · b_h) - exp(a'_h · b'_h) + λ_init

Cost: 8 B S² H D FLOPs, twice the usual, in two fused calls, and 2 B S E (H + G) D more for the second
queries and keys; cache 3 G D numbers per token. Keeps what one map sees and the other does not; loses one
fused call and the sign of the weights, which may be negative. With λ_init = 0 and no norm exactly plain
attention until it is trained (b and b' start at 0).
Source: Ye et al. 2024, arXiv:2410.05258, section 2.1. Departures: λ per head instead of per layer; values
of width D with H heads instead of 2 D with H / 2, so that the projections of a plain layer can be taken
over.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from attnprobe.attention.foundation.caches import Cache, KeyValueCache
from attnprobe.attention.foundation.masks import ALL, Mask
from attnprobe.attention.foundation.modules import Attention, prompt_padding, split
from attnprobe.attention.foundation.norms import RmsNorm
from attnprobe.errors import MaskError


class Differential(Attention):
    """`Attention` minus a second one, over scaled dot-product attention.

    Args:
        embed_dim: Width E of the model.
        num_heads: Query heads H.
        lambda_init: Weight of the second map at first; the paper has 0.8 - 0.6 exp(-0.3 (layer - 1)), with
            norm.
        has_norm: RMS normalisation of every head's output, times 1 - λ_init.
        options: Further ones of `Attention`.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        *,
        lambda_init: float = 0.0,
        has_norm: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(embed_dim, num_heads, **options)
        source, bias = self.k_proj.in_features, self.q_proj.bias is not None
        self.second_q_proj = nn.Linear(embed_dim, self.q_proj.out_features, bias=bias)
        self.second_k_proj = nn.Linear(source, self.k_proj.out_features, bias=bias)
        self.lambda_init = lambda_init
        self.lambda_query = nn.Parameter(torch.randn(2, num_heads, self.head_dim) * 0.1)  # a, a'
        self.lambda_key = nn.Parameter(torch.zeros(2, num_heads, self.head_dim))  # b, b'
        self.head_norm = RmsNorm(self.head_dim) if has_norm else None

    def forward(
        self, x: Tensor, context: Tensor | None = None, *, mask: Mask = ALL, cache: Cache | None = None
    ) -> Tensor:
        """As `Attention`. The cache holds both kinds of keys, [B, 2 G, S, D]."""
        first, second, keys, value = self._pairs(x, context, 0 if cache is None else cache.length)
        if cache is not None:
            if not isinstance(cache, KeyValueCache):
                raise MaskError(f"Differential needs a KeyValueCache, not a {type(cache).__name__}")
            prompt_padding(mask, cache)
            keys, value = cache.append(keys, value)
            mask = Mask(is_causal=True, padding=cache.seen)
        key, second_key = keys.chunk(2, dim=1)
        one = self.core(first, key, value, mask)
        return self._difference(one, self.core(second, second_key, value, mask), x)

    def reference(self, x: Tensor, context: Tensor | None = None, *, mask: Mask = ALL) -> Tensor:
        """The same with the reference of the core."""
        first, second, keys, value = self._pairs(x, context, 0)
        key, second_key = keys.chunk(2, dim=1)
        scale = self.core.usual_scale(self.head_dim)
        one = self.core.reference(first, key, value, mask, scale)
        return self._difference(one, self.core.reference(second, second_key, value, mask, scale), x)

    def _pairs(self, x: Tensor, context: Tensor | None, offset: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Both queries [B, H, L, D], both keys in one tensor [B, 2 G, S, D], values [B, G, S, D]."""
        query, key, value = self.projected(x, context, offset)
        source = x if context is None else context
        second = self.q_norm(split(self.second_q_proj(x), self.num_heads))
        second_key = self.k_norm(split(self.second_k_proj(source), self.num_kv_heads))
        if self.positions is not None:
            second, second_key = self.positions(second, second_key, offset)
        return query, second, torch.cat((key, second_key), dim=1), value

    def _difference(self, one: Tensor, other: Tensor, x: Tensor) -> Tensor:
        exponents = (self.lambda_query.float() * self.lambda_key.float()).sum(-1).exp()  # [2, H]
        weight = (exponents[0] - exponents[1] + self.lambda_init).to(one.dtype)
        heads = one - weight[:, None, None] * other
        if self.head_norm is not None:
            heads = self.head_norm(heads) * (1 - self.lambda_init)
        return self.merged(heads, x)


attention = Differential
