"""Native sparse attention: a coarse look at all, a close one where that points to, and a window.

    coarse_i = attention to blocks of l keys made one, as far as they lie behind i
    close_i  = attention to the own block of b keys and the n - 1 others of most coarse weight in the group
    near_i   = attention to the last w keys
    out_i    = g1 coarse_i + g2 close_i + g3 near_i,   g = sigmoid(x W_gate) per head   [B, S, E] -> [B, S, E]

Cost: 4 B H L (S / l + n b + 5/4 w) D FLOPs; memory linear in L and S for inference, with B H L S / l weights
when training. Decoding keeps all tokens. Keeps the outline of everything and single tokens where it matters.
Retrain: gates and compression are new. Source: Yuan et al. 2025, arXiv:2502.11089, section 3.
Departures: compressed blocks do not overlap and are made by a linear map, at first the mean; the branches
share keys and values; always chosen is only the own block, since the window sees what is near.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from attnprobe.attention.foundation.caches import Cache, KeyValueCache
from attnprobe.attention.foundation.masks import ALL, Mask
from attnprobe.attention.foundation.modules import Attention, prompt_padding
from attnprobe.attention.foundation.plain import plain_attention, plain_scores, plain_softmax, repeated
from attnprobe.attention.sliding_window import SlidingWindow
from attnprobe.attention.sparse.chosen import attend_to_chosen
from attnprobe.attention.sparse.compressing import Compression, attend_to_compressed
from attnprobe.attention.sparse.rows import narrowed, positions
from attnprobe.errors import MaskError, ShapeError


class NativeSparse(Attention):
    """Causal self-attention in three gated branches (NSA).

    Args:
        embed_dim: Width E of the model.
        num_heads: Query heads H; those of one key-value head choose together.
        compressed_size: Keys l that are made one.
        block_size: Keys b of a block that is chosen, a multiple of compressed_size.
        blocks: How many blocks n a query sees closely, its own among them.
        window_size: Last keys w that a query sees.
        options: Further ones of `Attention`, but for the core.

    Raises:
        ShapeError: The sizes do not fit.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        *,
        compressed_size: int = 32,
        block_size: int = 64,
        blocks: int = 4,
        window_size: int = 256,
        **options: Any,
    ) -> None:
        super().__init__(embed_dim, num_heads, SlidingWindow(window_size), **options)
        if min(compressed_size, blocks) < 1 or block_size < 1 or block_size % compressed_size:
            raise ShapeError(
                f"NativeSparse: block_size ({block_size}) is no multiple of compressed_size"
                f" ({compressed_size}), or a size is below 1"
            )
        self.sizes, self.blocks = (compressed_size, block_size), blocks
        self.k_compression = Compression(compressed_size, self.head_dim)
        self.v_compression = Compression(compressed_size, self.head_dim)
        self.gate_proj = nn.Linear(embed_dim, 3 * num_heads)

    @property
    def supports(self) -> frozenset[str]:
        """Causal self-attention."""
        return frozenset(("causal", "padding", "decode"))

    def new_cache(self) -> Cache:
        """Keeps all tokens: any block may be chosen again."""
        return KeyValueCache()

    def forward(
        self, x: Tensor, context: Tensor | None = None, *, mask: Mask = ALL, cache: Cache | None = None
    ) -> Tensor:
        """As `Attention`, causal only.

        Raises:
            MaskError: There is a context, or the mask is not causal or asks for more than padding.
        """
        query, key, value = self.projected(x, None, 0 if cache is None else cache.length)
        if cache is None:
            self._check(context, mask)
        else:
            prompt_padding(mask, cache)
            assert isinstance(cache, KeyValueCache)
            key, value = cache.append(key, value)
            mask = Mask(is_causal=True, padding=cache.seen)
        scale, length = self.core.usual_scale(self.head_dim), key.shape[2]
        small = self.k_compression(key, mask.padding), self.v_compression(value, mask.padding)
        coarse, chosen = attend_to_compressed(
            query, *small, mask.padding, self.sizes, self.blocks, scale, length
        )
        close = attend_to_chosen(query, key, value, chosen, mask.padding, self.sizes[1], scale, True)
        near = self.core(query, key, value, mask)
        return self._gated((coarse, close, near), x)

    def reference(self, x: Tensor, context: Tensor | None = None, *, mask: Mask = ALL) -> Tensor:
        """The three branches as full attention under masks, the blocks chosen by sorting all of them."""
        self._check(context, mask)
        query, key, value = self.projected(x, None, 0)
        scale = self.core.usual_scale(self.head_dim)
        weights, values = self._coarse(query, key, value, mask, scale)
        close = plain_attention(query, key, value, narrowed(mask, self._close(weights, key)), scale)
        near = self.core.reference(query, key, value, mask, scale)
        return self._gated((weights @ values, close, near), x)

    def _coarse(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float
    ) -> tuple[Tensor, Tensor]:
        """Weights [B, H, S, C] and compressed values [B, H, C, D], plainly."""
        size, heads = self.sizes[0], query.shape[1]
        small, values = self.k_compression(key, mask.padding), self.v_compression(value, mask.padding)
        query_at, _ = positions(query.shape[2], key.shape[2], query.device)
        last = torch.arange(1, small.shape[2] + 1, device=query.device) * size - 1
        visible = last <= query_at  # [S, C]
        if mask.padding is not None:
            blocks = mask.padding[:, : last.numel() * size].reshape(len(query), last.numel(), size)
            visible = visible & blocks.any(-1)[:, None, None, :]
        scores = plain_scores(query, small, Mask(dense=visible), scale)
        return plain_softmax(scores), repeated(values, heads)

    def _close(self, weights: Tensor, key: Tensor) -> Tensor:
        """Which keys are seen closely, bool [B, H, S, S]."""
        length, (size, block_size) = key.shape[2], self.sizes
        keys = torch.arange(length, device=key.device)
        # The weight of a compressed block belongs to the block that it lies in; heads of a group add up.
        inside = torch.arange(weights.shape[3], device=key.device)[:, None] * size // block_size
        blocks = torch.arange(-(-length // block_size), device=key.device)
        found = weights.detach() @ (inside == blocks).to(weights.dtype)
        found = found.view(len(found), key.shape[1], -1, *found.shape[2:]).sum(2)  # [B, G, S, blocks]
        own = blocks == keys[:, None] // block_size  # [S, blocks]
        found = found.masked_fill(own, 0.0)
        order = found.argsort(dim=-1, descending=True)[..., : self.blocks - 1]
        chosen = torch.zeros_like(found, dtype=torch.bool).scatter(-1, order, True) & (found > 0)
        return repeated(chosen | own, self.num_heads)[..., keys // block_size]

    def _gated(self, branches: tuple[Tensor, ...], x: Tensor) -> Tensor:
        """Σ sigmoid(gate) branch per head and token, projected. -> [B, L, E]."""
        gates = torch.sigmoid(self.gate_proj(x)).view(*x.shape[:2], 3, -1).permute(2, 0, 3, 1)[..., None]
        heads = sum(gate * branch for gate, branch in zip(gates, branches, strict=True))
        return self.merged(heads, x)

    def _check(self, context: Tensor | None, mask: Mask) -> None:
        asked = set(mask.parts) - self.supports
        if not mask.is_causal:
            asked.add("bidirectional")
        if context is not None:
            asked.add("cross")
        if asked:
            raise MaskError(
                f"NativeSparse does not support {', '.join(sorted(asked))}",
                hint="It is causal self-attention, with padding.",
            )


attention = NativeSparse
