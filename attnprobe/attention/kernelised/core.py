"""Attention whose weights are products of features: what the linear attentions share.

    weight_ij = φ(q_i) · ψ(k_j)                                  φ, ψ: [..., D] -> [..., F], not negative
    out_i     = Σ_j weight_ij v_j / Σ_j weight_ij                over the keys j that query i may see
              = φ(q_i)ᵀ M / (φ(q_i) · z),   M = Σ_j ψ(k_j) v_jᵀ [F, Dv],   z = Σ_j ψ(k_j) [F]

Causal sums run chunk by chunk: within a chunk by masked products, before it through M and z. FLOPs per
head: 2 (L + S) F Dv, causal 2 S C (F + Dv) more for chunks of C; memory linear in length; the decoding
state is M and z, whatever the length. Source: Katharopoulos et al. 2020, arXiv:2006.16236, section 3.2-3.4;
chunks: Hua et al. 2022, arXiv:2202.10447, section 3.2.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from attnprobe.attention.foundation.caches import Cache
from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import Mask
from attnprobe.attention.foundation.plain import repeated
from attnprobe.attention.kernelised.precision import no_autocast, quotient, widened
from attnprobe.attention.kernelised.states import arriving


class Sums(NamedTuple):
    """What the keys and values seen so far come to."""

    matrix: Tensor  # M, [B, G, F, Dv]
    total: Tensor  # z, [B, G, F]


class SumsCache(Cache):
    """The state of decoding; of one size for any length."""

    sums: Sums | None = None


class FeatureCore(Core):
    """Base of the attentions by features: a mechanism defines `query_features` and `key_features`."""

    supports: ClassVar[frozenset[str]] = frozenset(
        ("causal", "bidirectional", "cross", "padding", "grouped", "decode")
    )
    chunk_size: ClassVar[int] = 64  # of causal sums
    block_size: ClassVar[int] = 512  # features of so many tokens are made at once: they stay in the cache

    def query_features(self, query: Tensor, scale: float, start: int) -> Tensor:
        """φ of queries at positions `start` and on. [B, H, C, D] -> [B, H, C, F]."""
        raise NotImplementedError

    def key_features(self, key: Tensor, scale: float, start: int) -> Tensor:
        """ψ of keys at positions `start` and on. [B, G, C, D] -> [B, G, C, F]."""
        raise NotImplementedError

    def shared(self, key: Tensor, value: Tensor, num_heads: int) -> tuple[Tensor, Tensor]:
        """Keys and values as the features need them: copied where each query head has its own."""
        return key, value

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """Products of features with the sums over keys."""
        with no_autocast(query.device):
            q, k, v = widened(query, *self.shared(key, value, query.shape[1]))
            if mask.is_causal:
                out, _ = self._causal(q, k, v, scale, mask.padding)
            else:
                out = self._bidirectional(q, k, v, scale, mask.padding)
        return out.to(query.dtype)

    def reference(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """The whole matrix of weights, masked, over its row sums."""
        key, value = self.shared(key, value, query.shape[1])
        phi = self.query_features(query, scale, key.shape[2] - query.shape[2])
        psi = repeated(self.key_features(key, scale, 0), query.shape[1])
        weights = phi @ psi.mT  # [B, H, L, S]
        visible = mask.visible(query.shape[2], key.shape[2], query.device)
        if visible is not None:
            weights = weights.masked_fill(~visible, 0.0)
        return quotient(weights @ repeated(value, query.shape[1]), weights.sum(-1, keepdim=True))

    def new_cache(self) -> Cache:
        """Sums over no token yet."""
        return SumsCache()

    def decode(
        self, query: Tensor, key: Tensor, value: Tensor, cache: Cache, *, scale: float | None = None
    ) -> Tensor:
        """The next tokens, by the sums in the cache."""
        assert isinstance(cache, SumsCache)
        self.check(query, key, value, Mask(is_causal=True))
        with no_autocast(query.device):
            q, k, v = widened(query, *self.shared(key, value, query.shape[1]))
            factor = query.shape[-1] ** -0.5 if scale is None else scale
            real = arriving(cache, key.shape[2])
            out, cache.sums = self._causal(q, k, v, factor, real, cache.sums, cache.length)
        cache.length += key.shape[2]
        return out.to(query.dtype)

    def _bidirectional(
        self, query: Tensor, key: Tensor, value: Tensor, scale: float, padding: Tensor | None
    ) -> Tensor:
        sums = self._gathered(key, value, scale, padding, None, 0)
        groups, offset = key.shape[1], key.shape[2] - query.shape[2]
        outs = []
        for number, block in enumerate(torch.split(query, self.block_size, dim=2)):
            phi = _folded(self.query_features(block, scale, offset + number * self.block_size), groups)
            out = quotient(phi @ sums.matrix, _row_sums(phi, sums.total))
            outs.append(_unfolded(out, query.shape[1]))
        return _joined(outs)

    def _gathered(
        self,
        key: Tensor,
        value: Tensor,
        scale: float,
        padding: Tensor | None,
        sums: Sums | None,
        start: int,
    ) -> Sums:
        """The sums with further keys and values taken up."""
        size = self.block_size
        for number, (keys, values) in enumerate(
            zip(torch.split(key, size, dim=2), torch.split(value, size, dim=2), strict=True)
        ):
            psi = self.key_features(keys, scale, start + number * size)
            if padding is not None:
                psi = _real(psi, padding[:, number * size : (number + 1) * size])
            sums = _added(sums, psi, values)
        assert sums is not None
        return sums

    def _causal(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        scale: float,
        padding: Tensor | None,
        sums: Sums | None = None,
        start: int = 0,
    ) -> tuple[Tensor, Sums | None]:
        """Chunk by chunk; also what the sums are afterwards. Keys begin at position `start`."""
        ahead = key.shape[2] - query.shape[2]  # keys before the first query; negative: queries before any key
        outs = [query.new_zeros(*query.shape[:2], -ahead, value.shape[3])] if ahead < 0 else []
        query = query[:, :, max(-ahead, 0) :]
        if ahead > 0:
            seen = None if padding is None else padding[:, :ahead]
            sums = self._gathered(key[:, :, :ahead], value[:, :, :ahead], scale, seen, sums, start)
            key, value = key[:, :, ahead:], value[:, :, ahead:]
            padding = None if padding is None else padding[:, ahead:]
            start += ahead
        size = self.chunk_size
        chunks = (torch.split(tensor, size, dim=2) for tensor in (query, key, value))
        for number, (queries, keys, values) in enumerate(zip(*chunks, strict=True)):
            phi = self.query_features(queries, scale, start + number * size)
            psi = self.key_features(keys, scale, start + number * size)
            if padding is not None:
                psi = _real(psi, padding[:, number * size : (number + 1) * size])
            outs.append(_chunk(phi, psi, values, sums))
            sums = _added(sums, psi, values)
        return _joined(outs), sums


def _chunk(phi: Tensor, psi: Tensor, value: Tensor, sums: Sums | None) -> Tensor:
    """Outputs of a chunk from its own keys, causally, and from the sums before it. -> [B, H, C, Dv]."""
    groups, num_heads = psi.shape[1], phi.shape[1]
    folded = _folded(phi, groups)  # [B, G, H/G C, F]
    size = psi.shape[2]
    later = torch.ones(size, size, dtype=torch.bool, device=phi.device).triu(1)
    weights = (folded @ psi.mT).masked_fill_(later.repeat(num_heads // groups, 1), 0.0)
    numerator, normaliser = weights @ value, weights.sum(-1, keepdim=True)
    if sums is not None:
        numerator = numerator + folded @ sums.matrix
        normaliser = normaliser + _row_sums(folded, sums.total)
    return _unfolded(quotient(numerator, normaliser), num_heads)


def _added(sums: Sums | None, psi: Tensor, value: Tensor) -> Sums:
    matrix, total = psi.mT @ value, psi.sum(2)
    return Sums(matrix, total) if sums is None else Sums(sums.matrix + matrix, sums.total + total)


def _row_sums(phi: Tensor, total: Tensor) -> Tensor:
    """φ · z, [B, G, C, 1]; a product and a sum beat a matrix product with one column."""
    return (phi * total[:, :, None]).sum(-1, keepdim=True)


def _real(psi: Tensor, padding: Tensor) -> Tensor:
    return psi.masked_fill(~padding[:, None, :, None], 0.0)


def _folded(phi: Tensor, groups: int) -> Tensor:
    """Heads that share keys become rows of one head. [B, H, C, F] -> [B, G, H/G C, F]."""
    return phi if phi.shape[1] == groups else torch.unflatten(phi, 1, (groups, -1)).flatten(2, 3)


def _unfolded(out: Tensor, num_heads: int) -> Tensor:
    """[B, G, H/G C, Dv] -> [B, H, C, Dv]."""
    if out.shape[1] == num_heads:
        return out
    return torch.unflatten(out, 2, (num_heads // out.shape[1], -1)).flatten(1, 2)


def _joined(outs: list[Tensor]) -> Tensor:
    """Chunks along the length, laid out [B, L, H, Dv] so that an output projection need not copy."""
    return torch.cat([out.transpose(1, 2) for out in outs], dim=1).transpose(1, 2)
