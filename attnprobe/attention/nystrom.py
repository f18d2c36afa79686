"""Nyström attention: the map through landmarks, means of neighbouring queries and keys.

    F = softmax(q @ k̃^T · scale)           [B, H, L, m]
    A = softmax(q̃ @ k̃^T · scale)           [B, H, m, m]
    B = softmax(q̃ @ k^T · scale)           [B, H, m, S]
    out = F A⁺ (B v)                       [B, H, L, Dv]

Cost per head: 2 m (L + S) (D + Dv) + 48 m³ FLOPs; memory linear in L and S. Keeps maps of low rank, smooth
along the sequence; loses single peaks between landmarks.

Exactness: approximate; m ≥ L and m ≥ S is full attention, which is then taken. Source: Xiong et al. 2021,
arXiv:2102.03902, section 3.2 and equation 13 for A⁺ (six steps of a third-order iteration, Razavi et al.
2014). Departures: every matrix is scaled by its own norms, not by the largest of the batch, so that samples
do not touch each other; landmarks are means over real positions; no skip convolution. Where L = S, padding
is that of queries too.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import Mask
from attnprobe.attention.foundation.plain import plain_attention, plain_scores, plain_softmax, repeated
from attnprobe.attention.kernelised.precision import no_autocast, widened
from attnprobe.attention.landmarks.means import any_real, means, of_queries, seen, segments
from attnprobe.errors import ShapeError


class Nystrom(Core):
    """Nyström attention.

    Args:
        landmarks: m, of the queries and of the keys.
        iterations: Steps towards the pseudo-inverse of A.
    """

    supports: ClassVar[frozenset[str]] = frozenset(("bidirectional", "cross", "padding", "grouped"))
    has_linear_memory: ClassVar[bool] = True

    def __init__(self, landmarks: int = 64, iterations: int = 6) -> None:
        super().__init__()
        if landmarks < 1:
            raise ShapeError(f"there is at least one landmark; got {landmarks}")
        self.landmarks, self.iterations = landmarks, iterations

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """Two fused calls, B v and F (A⁺ B v), and the pseudo-inverse of a small matrix between them."""
        if self.landmarks >= max(query.shape[2], key.shape[2]):
            grouped = key.shape[1] != query.shape[1]
            return F.scaled_dot_product_attention(
                query, key, value, attn_mask=seen(mask.padding), scale=scale, enable_gqa=grouped
            )
        with no_autocast(query.device):
            q, k, v = widened(query, key, value)
            near_q, near_k, real_q, real_k = self._landmarks(q, k, mask.padding)
            k, v, near_k = (_expanded(tensor, q.shape[1]) for tensor in (k, v, near_k))
            summary = F.scaled_dot_product_attention(
                near_q, k, v, attn_mask=seen(mask.padding), scale=scale
            )  # B v
            small = _small(near_q, near_k, real_q, real_k, scale)
            mixed = pseudo_inverse(small, self.iterations) @ summary
            out = F.scaled_dot_product_attention(q, near_k, mixed, attn_mask=seen(real_k), scale=scale)
        return out.to(query.dtype)

    def reference(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """The product of the three maps."""
        if self.landmarks >= max(query.shape[2], key.shape[2]):
            return plain_attention(query, key, value, mask, scale)
        near_q, near_k, real_q, real_k = self._landmarks(query, key, mask.padding)
        left = plain_softmax(plain_scores(query, near_k, Mask(padding=real_k), scale))
        right = plain_softmax(plain_scores(near_q, key, mask, scale))
        small = _small(near_q, repeated(near_k, query.shape[1]), real_q, real_k, scale)
        return left @ pseudo_inverse(small, self.iterations) @ right @ repeated(value, query.shape[1])

    def _landmarks(
        self, query: Tensor, key: Tensor, padding: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """Means of queries [B, H, m, D] and keys [B, G, m, D], and which of them are real, bool [B, m]."""
        of_q = of_queries(padding, query.shape[2], key.shape[2])
        runs_q, runs_k = segments(query.shape[2], self.landmarks), segments(key.shape[2], self.landmarks)
        near_q, near_k = means(query, runs_q, of_q), means(key, runs_k, padding)
        return near_q, near_k, any_real(of_q, runs_q), any_real(padding, runs_k)


def _small(
    near_q: Tensor, near_k: Tensor, real_q: Tensor | None, real_k: Tensor | None, scale: float
) -> Tensor:
    """A, [B, H, m, m]; rows of landmarks that stand for padding are zero."""
    small = plain_softmax(plain_scores(near_q, near_k, Mask(padding=real_k), scale))
    return small if real_q is None else small.masked_fill(~real_q[:, None, :, None], 0.0)


def pseudo_inverse(matrix: Tensor, iterations: int) -> Tensor:
    """A⁺ by Z ← Z (13 - A Z (15 - A Z (7 - A Z))) / 4, from Z = A^T / (|A|_1 |A|_∞).

    [..., m, n] -> [..., n, m]. Rows and columns of zeros stay zero.
    """
    tiny = torch.finfo(matrix.dtype).tiny
    norms = matrix.abs().sum(-2).amax(-1) * matrix.abs().sum(-1).amax(-1)
    inverse = matrix.mT / norms.clamp(min=tiny)[..., None, None]
    one = torch.eye(matrix.shape[-2], dtype=matrix.dtype, device=matrix.device)
    for _ in range(iterations):
        product = matrix @ inverse
        inverse = inverse @ (13 * one - product @ (15 * one - product @ (7 * one - product))) / 4
    return inverse


def _expanded(tensor: Tensor, num_heads: int) -> Tensor:
    return tensor if tensor.shape[1] == num_heads else repeated(tensor, num_heads)


attention = Nystrom
