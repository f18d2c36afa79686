"""Tokens attend to those that fall into the same random bucket.

    k_i = q_i / |q_i|,   bucket_r(i) = argmax [q_i R_r ; -q_i R_r]   for random R_r [D, buckets / 2], rounds r
    out_i = softmax over all rounds of (q_i · k_j / √D) @ v_j,  j in bucket_r(i), among its last w there
                                                                                     [B, S, E] -> [B, S, E]

Without causality: w tokens around it in the bucket. A token sees itself only where it sees nothing else.

Cost: about 6 B H S w r D FLOPs, a sort and copies of r times query, key and value; memory linear in S.
Decoding keeps all tokens. Keeps large scores, with more rounds more surely; loses what is in other buckets.
Retrain: queries and keys are the same. Source: Kitaev et al. 2020, arXiv:2001.04451, sections 2 and 3.
Departures: a window over the tokens of a bucket in place of chunks, whose borders in the original depend on
later tokens, which leaks the future; a fixed number of buckets; rotations drawn once, from a seed, kept in
the state; a pair that meets in several rounds counts once for each.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attnprobe.attention.foundation.caches import Cache, KeyValueCache
from attnprobe.attention.foundation.masks import ALL, Mask
from attnprobe.attention.foundation.modules import joined, prompt_padding, split
from attnprobe.attention.foundation.plain import plain_softmax
from attnprobe.attention.sparse.buckets import SELF_SCORE, attend_in_buckets, hashed
from attnprobe.attention.sparse.windows import checked_size, reach_of
from attnprobe.errors import MaskError, ShapeError


class Lsh(nn.Module):
    """Attention by locality-sensitive hashing, with shared queries and keys (Reformer).

    Args:
        embed_dim: Width E of the model.
        num_heads: Heads H.
        window_size: Tokens w of a bucket that one sees, itself among them.
        buckets: How many there are, even.
        rounds: How often tokens are hashed.
        bias: Of the projections.
        seed: Of the rotations.

    Raises:
        ShapeError: A size does not fit.
    """

    supports: ClassVar[frozenset[str]] = frozenset(("causal", "bidirectional", "padding", "decode"))
    rotations: Tensor

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        *,
        window_size: int = 128,
        buckets: int = 32,
        rounds: int = 2,
        bias: bool = True,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if embed_dim % num_heads or buckets < 2 or buckets % 2 or rounds < 1:
            raise ShapeError(
                f"Lsh: embed_dim {embed_dim}, num_heads {num_heads}, buckets {buckets}, rounds {rounds}",
                hint="embed_dim is a multiple of num_heads, buckets are even, rounds at least 1.",
            )
        self.num_heads, self.window_size = num_heads, checked_size("Lsh", window_size)
        self.qk_proj = nn.Linear(embed_dim, embed_dim, bias=bias)
        self.v_proj = nn.Linear(embed_dim, embed_dim, bias=bias)
        self.o_proj = nn.Linear(embed_dim, embed_dim, bias=bias)
        generator = torch.Generator().manual_seed(seed)
        rotations = torch.randn(rounds, embed_dim // num_heads, buckets // 2, generator=generator)
        self.register_buffer("rotations", rotations)

    def forward(
        self, x: Tensor, context: Tensor | None = None, *, mask: Mask = ALL, cache: Cache | None = None
    ) -> Tensor:
        """Attend from x to itself.

        Args:
            x: [B, L, E].
            context: None.
            mask: Causal or not, and padding.
            cache: Of `new_cache()`: x continues what the cache holds.

        Returns:
            [B, L, E].

        Raises:
            MaskError: There is a context, or the mask asks for more.
        """
        self._check(context, mask)
        query, value = split(self.qk_proj(x), self.num_heads), split(self.v_proj(x), self.num_heads)
        if cache is not None:
            prompt_padding(mask, cache)
            assert isinstance(cache, KeyValueCache)
            keys, values = cache.append(query, value)
            return joined(
                self._plain(query, keys, values, Mask(is_causal=True, padding=cache.seen)), self.o_proj
            )
        buckets, reach = self._buckets(query, mask), reach_of(self.window_size, mask.is_causal)
        scale = float(query.shape[-1] ** -0.5)
        out = attend_in_buckets(query, _unit(query), value, buckets, reach, scale)
        return joined(out, self.o_proj)

    def reference(self, x: Tensor, context: Tensor | None = None, *, mask: Mask = ALL) -> Tensor:
        """All pairs in all rounds, those of other buckets hidden."""
        self._check(context, mask)
        query, value = split(self.qk_proj(x), self.num_heads), split(self.v_proj(x), self.num_heads)
        return joined(self._plain(query, query, value, mask), self.o_proj)

    def new_cache(self) -> Cache:
        """Keeps all tokens: any may fall into the next one's bucket."""
        return KeyValueCache()

    def _plain(self, query: Tensor, keys: Tensor, value: Tensor, mask: Mask) -> Tensor:
        """The last L of S tokens against all. [B, H, L, D] x [B, H, S, D] -> [B, H, L, Dv]."""
        q_len, kv_len = query.shape[2], keys.shape[2]
        buckets = self._buckets(keys, mask)  # [B, H, R, S]
        left, right = reach_of(self.window_size, mask.is_causal)
        rank = (
            F.one_hot(buckets + 1).cumsum(-2).gather(-1, buckets[..., None] + 1)[..., 0]
        )  # within its bucket
        ahead = rank[..., None, :] - rank[..., kv_len - q_len :, None]  # [B, H, R, L, S]
        own = buckets[..., kv_len - q_len :, None]
        visible = (own == buckets[..., None, :]) & (own >= 0) & (ahead >= -left) & (ahead <= right)
        number = torch.arange(kv_len, device=keys.device)
        is_self = number == number[kv_len - q_len :, None]
        scores = query @ _unit(keys).mT * query.shape[-1] ** -0.5
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32)).masked_fill(is_self, SELF_SCORE)
        scores = scores[:, :, None].masked_fill(~visible, float("-inf"))  # [B, H, R, L, S]
        weights = plain_softmax(scores.movedim(2, 3).flatten(3))  # [B, H, L, R S]
        per_pair = weights.view(*query.shape[:3], -1, kv_len).sum(3)
        return per_pair.to(value.dtype) @ value

    def _buckets(self, keys: Tensor, mask: Mask) -> Tensor:
        """[B, H, R, S]; -1 for padding, which sees nothing and is not seen."""
        found = hashed(keys, self.rotations)
        return found if mask.padding is None else found.masked_fill(~mask.padding[:, None, None, :], -1)

    def _check(self, context: Tensor | None, mask: Mask) -> None:
        asked = set(mask.parts) - self.supports
        if context is not None:
            asked.add("cross")
        if asked:
            raise MaskError(
                f"Lsh does not support {', '.join(sorted(asked))}",
                hint="Queries and keys are the same: it is self-attention, causal or not, with padding.",
            )


def _unit(tensor: Tensor) -> Tensor:
    """Vectors of length 1."""
    return F.normalize(tensor, dim=-1)


attention = Lsh
