"""Multi-head latent attention: keys and values are made of one small vector per token, which alone is cached.

    c = norm(x W_down)                                 [B, S, R]
    k_h = [c W_uk,h ; rotate(x W_kr)]                  [B, S, D + Dr], the rotary part shared by all heads
    v_h = c W_uv,h                                     [B, S, D]
    q_h = [x W_q,h ; rotate(x W_qr,h)],  out_h = softmax(q_h k_h^T / √(D + Dr)) v_h

Cache: R + Dr numbers per token instead of 2 H D. Decoding never makes keys or values: (q W_uk^T) c^T = q (c
W_uk)^T, so queries go into the space of c, where all heads read one key, and W_uv follows behind: 4 B H S (R
+ Dr) FLOPs per token. Keeps the R strongest directions of keys and values together, loses the others. A
forward pass costs 4 B S² H (D + Dr) FLOPs. Approximate: exact where [W_k ; W_v] has
rank R and there are no rotary positions.
Source: DeepSeek-AI 2024, arXiv:2405.04434, sections 2.1.2 and 2.1.3. Departure: queries are not compressed.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attnprobe.attention.foundation.caches import Cache, KeyValueCache
from attnprobe.attention.foundation.masks import ALL, Mask
from attnprobe.attention.foundation.modules import joined, prompt_padding, split
from attnprobe.attention.foundation.norms import RmsNorm
from attnprobe.attention.foundation.plain import plain_attention
from attnprobe.attention.foundation.rotary import Rotary
from attnprobe.attention.sdpa import Sdpa
from attnprobe.errors import MaskError, ShapeError


class Latent(nn.Module):
    """Attention through a latent vector (MLA).

    Args:
        embed_dim: Width E of the model.
        num_heads: Heads H.
        rank: Width R of the latent vector.
        head_dim: Width D of a head; None: E / H.
        rotary_dim: Width Dr of the rotary part, even; 0: no positions.
        has_norm: RMS normalisation of the latent vector; without, it is a plain low-rank factor.
        bias: Of the projections of queries and output.
    """

    supports: ClassVar[frozenset[str]] = Sdpa.supports - {"grouped"}

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        rank: int,
        *,
        head_dim: int | None = None,
        rotary_dim: int = 0,
        has_norm: bool = True,
        bias: bool = False,
    ) -> None:
        super().__init__()
        if head_dim is None and embed_dim % num_heads:
            raise ShapeError(f"embed_dim ({embed_dim}) is no multiple of num_heads ({num_heads})")
        width = head_dim or embed_dim // num_heads
        self.num_heads, self.head_dim, self.rank, self.rotary_dim = num_heads, width, rank, rotary_dim
        self.q_proj = nn.Linear(embed_dim, num_heads * (width + rotary_dim), bias=bias)
        self.down_proj = nn.Linear(embed_dim, rank + rotary_dim, bias=False)  # W_down, W_kr
        self.norm = RmsNorm(rank) if has_norm else nn.Identity()
        self.key_up_proj = nn.Linear(rank, num_heads * width, bias=False)
        self.value_up_proj = nn.Linear(rank, num_heads * width, bias=False)
        self.o_proj = nn.Linear(num_heads * width, embed_dim, bias=bias)
        self.rotary = Rotary(rotary_dim) if rotary_dim else None
        self.core = Sdpa()

    def forward(
        self, x: Tensor, context: Tensor | None = None, *, mask: Mask = ALL, cache: Cache | None = None
    ) -> Tensor:
        """Attend from x [B, L, E] to itself, or to a context [B, S, E]; with a cache x continues it."""
        if cache is not None:
            return self._decoded(x, mask, cache)
        query, key, value = self._projected(x, context)
        # Values as wide as keys: for other widths CPUs have no fused kernel, and memory grows with L · S.
        out = self.core(query, key, F.pad(value, (0, self.rotary_dim)), mask)[..., : self.head_dim]
        return joined(out, self.o_proj)

    def reference(self, x: Tensor, context: Tensor | None = None, *, mask: Mask = ALL) -> Tensor:
        """By the formula."""
        query, key, value = self._projected(x, context)
        return joined(plain_attention(query, key, value, mask, query.shape[-1] ** -0.5), self.o_proj)

    def new_cache(self) -> KeyValueCache:
        """Its keys are the latent vectors and rotary parts, [B, 1, S, R + Dr]; its values are empty."""
        return KeyValueCache()

    def _projected(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Query and key [B, H, S, D + Dr], value [B, H, S, D]."""
        source = x if context is None else context
        latent = self._latents(source, 0)  # [B, S, R + Dr]
        content, turned = latent[..., : self.rank], latent[..., self.rank :]
        key = split(self.key_up_proj(content), self.num_heads)
        key = torch.cat((key, turned[:, None].expand(-1, self.num_heads, -1, -1)), dim=-1)
        query = self._queries(x, source.shape[1] - x.shape[1])
        return query, key, split(self.value_up_proj(content), self.num_heads)

    def _decoded(self, x: Tensor, mask: Mask, cache: Cache) -> Tensor:
        """With the projections up absorbed into queries and output."""
        if not isinstance(cache, KeyValueCache):
            raise MaskError(f"Latent needs a KeyValueCache, not a {type(cache).__name__}")
        prompt_padding(mask, cache)
        query = self._queries(x, cache.length)
        latent = self._latents(x, cache.length)[:, None]
        keys, _ = cache.append(latent, latent[..., :0])
        content, turned = query[..., : self.head_dim], query[..., self.head_dim :]
        up = self.key_up_proj.weight.view(self.num_heads, self.head_dim, self.rank)
        absorbed = torch.cat((content @ up, turned), dim=-1)  # [B, H, L, R + Dr]
        seen = Mask(is_causal=True, padding=cache.seen)
        out = self.core(absorbed, keys, keys, seen, scale=query.shape[-1] ** -0.5)[..., : self.rank]
        heads = out @ self.value_up_proj.weight.view(self.num_heads, self.head_dim, self.rank).mT
        return joined(heads, self.o_proj)

    def _queries(self, x: Tensor, offset: int) -> Tensor:
        """[B, H, L, D + Dr], the last Dr features turned."""
        query = split(self.q_proj(x), self.num_heads)
        if self.rotary is None:
            return query
        content, turning = query[..., : self.head_dim], query[..., self.head_dim :]
        return torch.cat((content, self.rotary.turned(turning, offset)), dim=-1)

    def _latents(self, source: Tensor, offset: int) -> Tensor:
        """[B, S, R + Dr]: normalised content, turned rotary part."""
        down = self.down_proj(source)
        content, turning = down[..., : self.rank], down[..., self.rank :]
        if self.rotary is not None:
            turning = self.rotary.turned(turning, offset)
        return torch.cat((self.norm(content), turning), dim=-1)


attention = Latent
