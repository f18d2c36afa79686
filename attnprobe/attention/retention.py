"""Retention: products without a softmax, fading with distance.

    S_t   = γ S_{t-1} + k_t v_t^T                                                   [B, H, D, Dv]
    out_t = norm(scale · q_t^T S_t) = norm(scale · Σ_{j≤t} γ^(t-j) (q_t · k_j) v_j)  [B, H, L, Dv]

with γ_h = 1 - 2^(-5-h) for head h = 0, 1, …, and norm over the width of a head:
(x - mean) / √(variance + ε).

Cost per head: 4 S D Dv FLOPs and 2 S C (D + Dv) for chunks of C = 64; memory linear in length; decoding keeps
D Dv numbers. Keeps what is near, weighted by signed products; loses the far past, at a rate fixed by head.

Exactness: retrain. Source: Sun et al. 2023, arXiv:2307.08621, sections 2.1-2.3 (the recurrent, the parallel
and the chunked form, and the scales of heads). Departures: no rotation (give the layer rotary positions); the
output gate belongs to the layer. Powers of γ are exponentials of sums of log γ: none is ever inverted.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from attnprobe.attention.foundation.caches import Cache
from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import Mask
from attnprobe.attention.foundation.plain import repeated
from attnprobe.attention.kernelised.precision import no_autocast, widened
from attnprobe.attention.kernelised.states import MatrixCache, arriving

_CHUNK = 64


class Retention(Core):
    """Retention, causal, chunk by chunk or token by token.

    Args:
        normalise: Normalise each head's output, as the paper does; False: the bare sum.
        eps: ε of the normalisation.
    """

    supports: ClassVar[frozenset[str]] = frozenset(("causal", "padding", "grouped", "decode"))
    has_linear_memory: ClassVar[bool] = True

    def __init__(self, normalise: bool = True, eps: float = 1e-5) -> None:
        super().__init__()
        self.normalise, self.eps = normalise, eps

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """Chunk by chunk."""
        with no_autocast(query.device):
            q, k, v = widened(query, key, value)
            out, _ = _retained(q, k, v, scale, mask.padding, None)
            return self._normalised(out).to(query.dtype)

    def reference(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """The whole matrix of products, times the decay of every pair."""
        ahead = key.shape[2] - query.shape[2]
        steps = torch.arange(ahead, key.shape[2], device=query.device)[:, None]
        distance = (steps - torch.arange(key.shape[2], device=query.device)).clamp(min=0)
        decay = torch.exp(distance * log_decays(query.shape[1], query)[:, None, None])  # [H, L, S]
        products = query @ repeated(key, query.shape[1]).mT * scale * decay
        visible = mask.visible(query.shape[2], key.shape[2], query.device)
        assert visible is not None
        out = products.masked_fill(~visible, 0.0) @ repeated(value, query.shape[1])
        return self._normalised(out)

    def new_cache(self) -> Cache:
        """A matrix of zeros."""
        return MatrixCache()

    def decode(
        self, query: Tensor, key: Tensor, value: Tensor, cache: Cache, *, scale: float | None = None
    ) -> Tensor:
        """The next tokens, by the matrix in the cache."""
        assert isinstance(cache, MatrixCache)
        self.check(query, key, value, Mask(is_causal=True))
        with no_autocast(query.device):
            q, k, v = widened(query, key, value)
            factor = query.shape[-1] ** -0.5 if scale is None else scale
            out, cache.matrix = _retained(q, k, v, factor, arriving(cache, key.shape[2]), cache.matrix)
            cache.length += key.shape[2]
            return self._normalised(out).to(query.dtype)

    def _normalised(self, out: Tensor) -> Tensor:
        return F.layer_norm(out, out.shape[-1:], eps=self.eps) if self.normalise else out


def log_decays(num_heads: int, like: Tensor) -> Tensor:
    """log γ of every head, [H]; log1p keeps what 1 - 2^(-5-h) would round away for many heads."""
    heads = torch.arange(num_heads, dtype=torch.float64, device=like.device)
    return torch.log1p(-torch.exp2(-5 - heads)).to(like.dtype)


def _retained(
    query: Tensor, key: Tensor, value: Tensor, scale: float, padding: Tensor | None, matrix: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Bare outputs [B, H, L, Dv] for the last L of S keys, and the matrix [B, H, D, Dv] afterwards."""
    if padding is not None:
        key = key.masked_fill(~padding[:, None, :, None], 0.0)
    num_heads, ahead = query.shape[1], key.shape[2] - query.shape[2]
    logs = log_decays(num_heads, query)[:, None]  # [H, 1]
    before = (torch.split(each[:, :, :ahead], _CHUNK, dim=2) if ahead else () for each in (key, value))
    for keys, values in zip(*before, strict=True):
        matrix = _carried(matrix, repeated(keys, num_heads), repeated(values, num_heads), logs)
    outs = []
    rest = (query, key[:, :, ahead:], value[:, :, ahead:])
    for queries, near_keys, near_values in zip(*(torch.split(each, _CHUNK, 2) for each in rest), strict=True):
        keys, values = repeated(near_keys, num_heads), repeated(near_values, num_heads)
        outs.append(_chunk(queries * scale, keys, values, matrix, logs).transpose(1, 2))
        matrix = _carried(matrix, keys, values, logs)
    return torch.cat(outs, dim=1).transpose(1, 2), matrix


def _chunk(query: Tensor, key: Tensor, value: Tensor, matrix: Tensor | None, logs: Tensor) -> Tensor:
    """Outputs of a chunk from its own keys and from the matrix before it. logs [H, 1]."""
    steps = torch.arange(query.shape[2], device=query.device)
    distance = steps[:, None] - steps
    decay = torch.exp(logs[:, :, None] * distance.clamp(min=0)).tril()  # [H, C, C]
    out = (query @ key.mT * decay) @ value
    if matrix is None:
        return out
    return out + (query * torch.exp(logs * (steps + 1))[..., None]) @ matrix


def _carried(matrix: Tensor | None, key: Tensor, value: Tensor, logs: Tensor) -> Tensor:
    """The matrix behind a chunk: what was, decayed by its length, and its keys and values."""
    size = key.shape[2]
    left = torch.arange(size - 1, -1, -1, device=key.device)  # steps from each key to the end of the chunk
    added = (key * torch.exp(logs * left)[..., None]).mT @ value
    return added if matrix is None else matrix * torch.exp(logs * size)[..., None] + added


attention = Retention
