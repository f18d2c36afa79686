"""Only the largest scores of every query are kept.

    out_i = softmax_j(score_ij) @ value_j,  j among the k largest of score_i = query_i · key · scale
                                                                        [B, H, L, D] -> [B, H, L, Dv]

Cost: 4 B H L S D FLOPs and a selection among S for every query; memory 4 B H S bytes for each query of a row
of 128, but quadratic while gradients are kept. Slower than full attention: it shows how few keys a head
needs, and is the yardstick for mechanisms that find them cheaply. Decoding keeps all tokens.
Keeps the peaks, loses what many small weights add up to. Keys whose score equals the k-th are all kept.
Approximate; exact where k >= S. Source: Gupta et al. 2021, arXiv:2106.06899, section 2.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import Mask
from attnprobe.attention.foundation.plain import plain_scores, plain_softmax, repeated
from attnprobe.attention.sparse.rows import Row, blocks_of, part_of
from attnprobe.errors import ShapeError

_ROW = 128  # queries whose scores are held at a time


class TopK(Core):
    """Attention to the keys with the largest scores.

    Args:
        keys: How many a query keeps.

    Raises:
        ShapeError: keys is below 1.
    """

    supports: ClassVar[frozenset[str]] = frozenset(
        ("causal", "bidirectional", "cross", "padding", "window", "sinks", "segments", "dense", "bias")
    ) | {"grouped", "decode"}

    def __init__(self, keys: int = 32) -> None:
        super().__init__()
        if keys < 1:
            raise ShapeError(f"TopK: keys is {keys}; a query keeps at least one")
        self.keys = keys

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """Scores of some queries at a time; in fp32 for half dtypes, or rounding would reorder them."""
        q_len, kv_len = query.shape[2], key.shape[2]
        exact = torch.promote_types(query.dtype, torch.float32)
        with torch.autocast(query.device.type, enabled=False):
            keys, values = key.to(exact).mT, value.to(exact)
            visible, outs = mask.visible(q_len, kv_len, query.device), []
            for start, stop in blocks_of(q_len, _ROW):
                row = Row(start, stop, ((0, kv_len),))
                scores = _by_group(query[:, :, start:stop].to(exact), keys) * scale  # [B, H, l, S]
                if mask.bias is not None:
                    scores = scores + part_of(mask.bias, row)
                if visible is not None:
                    scores = scores.masked_fill(~part_of(visible, row), float("-inf"))
                outs.append(_by_group(plain_softmax(self._kept(scores)), values))
            return torch.cat(outs, dim=2).to(query.dtype)

    def reference(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """All scores, sorted; softmax over those that are no smaller than the k-th."""
        scores = plain_scores(query, key, mask, scale)
        ordered = scores.detach().sort(dim=-1, descending=True).values
        smallest = ordered[..., min(self.keys, key.shape[2]) - 1, None]
        kept = plain_softmax(scores.masked_fill(scores < smallest, float("-inf")))
        return kept @ repeated(value, query.shape[1])

    def _kept(self, scores: Tensor) -> Tensor:
        if self.keys >= scores.shape[-1]:
            return scores
        smallest = scores.detach().topk(self.keys, dim=-1, sorted=False).values.amin(-1, keepdim=True)
        return scores.masked_fill(scores < smallest, float("-inf"))

    def extra_repr(self) -> str:
        """The number of keys."""
        return f"keys={self.keys}"


def _by_group(left: Tensor, right: Tensor) -> Tensor:
    """[B, H, l, n] x [B, G, n, m] -> [B, H, l, m]; the heads of a group share one product."""
    batch, heads, rows, _ = left.shape
    folded = left.reshape(batch, right.shape[1], -1, left.shape[3])
    return (folded @ right).view(batch, heads, rows, right.shape[3])


attention = TopK
