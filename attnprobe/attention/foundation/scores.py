"""Scores of a few queries at a time, for mechanisms that no fused kernel knows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from attnprobe.attention.foundation.masks import Mask

# (queries [B, H, l, D], visible or None, bias or None, both broadcast to [B, H, l, S]) -> [B, H, l, Dv]
Rows = Callable[[Tensor, Tensor | None, Tensor | None], Tensor]


def by_rows(rows: Rows, query: Tensor, kv_len: int, mask: Mask, chunk_size: int | None) -> Tensor:
    """`rows` of l = `chunk_size` queries at a time: in inference, memory of l · S scores instead of L · S.

    Without a size it is 64 on CPU, 1024 elsewhere.
    """
    q_len = query.shape[2]
    # Scores that stay in the cache of a CPU are faster; a GPU wants large calls.
    chunk_size = chunk_size or (64 if query.device.type == "cpu" else 1024)
    visible, bias = mask.visible(q_len, kv_len, query.device), mask.bias
    if q_len <= chunk_size:
        return rows(query, visible, bias)
    parts = []
    for start in range(0, q_len, chunk_size):
        chosen = slice(start, start + chunk_size)
        parts.append(rows(query[:, :, chosen], _cut(visible, chosen), _cut(bias, chosen)))
    return torch.cat(parts, dim=2)


def grouped_scores(query: Tensor, key: Tensor) -> Tensor:
    """query @ key^T without copies of keys. [B, H, L, D] x [B, G, S, D] -> [B, H, L, S], at least float32."""
    batch, heads, q_len, _ = query.shape
    folded = query.reshape(batch, key.shape[1], -1, query.shape[3])
    return wide(folded @ key.mT).view(batch, heads, q_len, key.shape[2])


def grouped_sums(weights: Tensor, value: Tensor) -> Tensor:
    """weights @ value without copies of values. [B, H, L, S] x [B, G, S, Dv] -> [B, H, L, Dv]."""
    batch, heads, q_len, kv_len = weights.shape
    folded = weights.to(value.dtype).reshape(batch, value.shape[1], -1, kv_len)
    return (folded @ value).view(batch, heads, q_len, value.shape[3])


def masked_softmax(scores: Tensor, visible: Tensor | None) -> Tensor:
    """Softmax over the visible keys; zeros for a query that sees none."""
    if visible is None:
        return torch.softmax(scores, dim=-1)
    weights = torch.softmax(scores.masked_fill(~visible, torch.finfo(scores.dtype).min), dim=-1)
    return weights.masked_fill(~visible, 0.0)


def wide(tensor: Tensor) -> Tensor:
    """float32 instead of a half dtype."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def _cut(tensor: Tensor | None, chosen: slice) -> Tensor | None:
    """Rows of what is broadcast to [B, H, L, S]."""
    if tensor is None or tensor.dim() < 2 or tensor.shape[-2] == 1:
        return tensor
    return tensor[..., chosen, :]
