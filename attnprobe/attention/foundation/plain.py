"""Attention by the formula, for references: any mask, any cost."""

from __future__ import annotations

import torch
from torch import Tensor

from attnprobe.attention.foundation.masks import Mask


def plain_scores(query: Tensor, key: Tensor, mask: Mask, scale: float) -> Tensor:
    """Scaled, biased scores, -inf where hidden. [B, H, L, D] x [B, G, S, D] -> [B, H, L, S]."""
    scores = query @ repeated(key, query.shape[1]).mT * scale
    if mask.bias is not None:
        scores = scores + mask.bias
    visible = mask.visible(query.shape[2], key.shape[2], query.device)
    return scores if visible is None else scores.masked_fill(~visible, float("-inf"))


def plain_softmax(scores: Tensor) -> Tensor:
    """Softmax over the keys; a query that sees none has weights of zero, and no gradient of NaN."""
    hidden = torch.isneginf(scores).all(-1, keepdim=True)
    return torch.softmax(scores.masked_fill(hidden, 0.0), dim=-1).masked_fill(hidden, 0.0)


def plain_attention(query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
    """softmax(scores) @ value, [B, H, L, Dv]."""
    return plain_softmax(plain_scores(query, key, mask, scale)) @ repeated(value, query.shape[1])


def repeated(tensor: Tensor, num_heads: int) -> Tensor:
    """Every key-value head for each query head that reads it. [B, G, S, D] -> [B, H, S, D]."""
    return tensor.repeat_interleave(num_heads // tensor.shape[1], dim=1)
