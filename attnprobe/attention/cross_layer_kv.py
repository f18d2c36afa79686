"""Keys and values shared across layers: one layer projects them, the next ones read them.

    k, v = x_1 W_k, x_1 W_v        once
    out_l = softmax(x_l W_q,l k^T / √D) v W_o,l        in every layer l of the group

Cost: n layers save (n - 1) · 4 B S E G D FLOPs of projections, and all but one of n caches. Keeps every
layer's own queries and maps; loses the keys and values of the deeper layers (retrain).
Source: Brandon et al. 2024, arXiv:2405.12981.

    first, second = CrossLayerKv(512, 8), CrossLayerKv(512, 8, owns_kv=False)
    shared = first.keys_values(x, cache=cache)
    x = x + first(x, shared=shared, mask=mask)
    x = x + second(x, shared=shared, mask=mask)
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from attnprobe.attention.foundation.caches import Cache, KeyValueCache
from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import ALL, Mask
from attnprobe.attention.foundation.modules import Attention, prompt_padding, split
from attnprobe.attention.foundation.rotary import Rotary
from attnprobe.errors import MaskError, ShapeError

Shared = tuple[Tensor, Tensor]  # keys [B, G, S, D], as they enter the scores, and values [B, G, S, D]


class CrossLayerKv(Attention):
    """`Attention` whose keys and values may come from another layer.

    Args:
        embed_dim: Width E of the model.
        num_heads: Query heads H.
        core: What happens between the projections; None: scaled dot-product attention.
        owns_kv: Whether this layer projects keys and values; else it has no such parameters.
        rotary: Turns queries and keys.
        options: Further ones of `Attention`, except `positions`.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        core: Core | None = None,
        *,
        owns_kv: bool = True,
        rotary: Rotary | None = None,
        **options: Any,
    ) -> None:
        super().__init__(embed_dim, num_heads, core, **options)
        self.owns_kv, self.rotary = owns_kv, rotary
        if not owns_kv:
            for name in ("k_proj", "v_proj", "k_norm"):
                setattr(self, name, nn.Identity())

    def keys_values(self, x: Tensor, *, mask: Mask = ALL, cache: Cache | None = None) -> Shared:
        """For this layer and those that follow: of x [B, S, E], behind those of the cache.

        Raises:
            ShapeError: This layer has no projections of keys and values.
        """
        if not self.owns_kv:
            raise ShapeError(
                "CrossLayerKv: this layer was built without keys and values; give it shared ones"
            )
        key, value = (
            self.k_norm(split(self.k_proj(x), self.num_kv_heads)),
            split(self.v_proj(x), self.num_kv_heads),
        )
        if self.rotary is not None:
            key = self.rotary.turned(key, 0 if cache is None else cache.length)
        if cache is None:
            return key, value
        if not isinstance(cache, KeyValueCache):
            raise MaskError(f"CrossLayerKv needs a KeyValueCache, not a {type(cache).__name__}")
        prompt_padding(mask, cache)
        return cache.append(key, value)

    def forward(
        self,
        x: Tensor,
        context: Tensor | None = None,
        *,
        mask: Mask = ALL,
        cache: Cache | None = None,
        shared: Shared | None = None,
    ) -> Tensor:
        """Attend from x [B, L, E] to its own keys and values, or to shared ones, whose last tokens x are.

        Args:
            x: [B, L, E].
            context: [B, S, C], for own keys and values; None: x.
            mask: Which keys each query may see.
            cache: For own keys and values; shared ones were put into it when they were made.
            shared: What `keys_values` of another layer, or of this one, gave.
        """
        if shared is None:
            shared = self.keys_values(x if context is None else context, mask=mask, cache=cache)
            if isinstance(cache, KeyValueCache):
                mask = Mask(is_causal=True, padding=cache.seen)
        query, key, value = self._query(x, shared[0]), *shared
        return self.merged(self.core(query, key, value, mask), x)

    def reference(
        self, x: Tensor, context: Tensor | None = None, *, mask: Mask = ALL, shared: Shared | None = None
    ) -> Tensor:
        """The same with the reference of the core."""
        key, value = shared or self.keys_values(x if context is None else context)
        scale = self.core.usual_scale(self.head_dim)
        return self.merged(self.core.reference(self._query(x, key), key, value, mask, scale), x)

    def _query(self, x: Tensor, key: Tensor) -> Tensor:
        query: Tensor = self.q_norm(split(self.q_proj(x), self.num_heads))
        return query if self.rotary is None else self.rotary.turned(query, key.shape[2] - x.shape[1])


attention = CrossLayerKv
