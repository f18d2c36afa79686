"""Attention over disjoint sets of keys, merged into attention over their union, exactly.

    out = Σ_i exp(lse_i - lse) out_i,  lse = log Σ_i exp(lse_i)

Source: Dao et al. 2022, arXiv:2205.14135, section 3.1; Rabe and Staats 2021, arXiv:2112.05682, section 2.
A key that is in two sets counts twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from attnprobe.attention.foundation.masks import Mask
from attnprobe.attention.foundation.plain import plain_softmax, repeated

_QUERIES = 256  # at a time: more scores than these against all keys are never held


def merge(outputs: Sequence[Tensor], log_sums: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Attention over the union of the key sets.

    Args:
        outputs: One [B, H, L, Dv] per set of keys.
        log_sums: Log-sum-exp of its scores, [B, H, L], float32 or wider; -inf where a query sees none of it.

    Returns:
        The output and its log-sum-exp; zero and -inf where a query sees no key of any set.
    """
    stacked = torch.stack(tuple(log_sums), dim=-1)  # [B, H, L, sets]
    weights = plain_softmax(stacked)
    out = sum(weights[..., number, None] * each for number, each in enumerate(outputs))
    return torch.as_tensor(out).to(outputs[0].dtype), safe_log_sum(stacked)


def attention_with_log_sum(
    query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float, hidden: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Softmax attention and the log-sum-exp of its scores; both have gradients.

    Args:
        query: [B, H, L, D].
        key: [B, G, S, D].
        value: [B, G, S, Dv].
        mask: Which keys each query may see.
        scale: Of the scores.
        hidden: Further pairs that are not seen, bool, broadcast to [B, H, L, S].

    Returns:
        [B, H, L, Dv] and [B, H, L], the latter float32 or wider. Queries are taken in blocks, whose
        scores are computed anew in the backward pass.
    """
    visible = mask.visible(query.shape[2], key.shape[2], query.device)
    if hidden is not None:
        visible = ~hidden if visible is None else visible & ~hidden
    key, value = repeated(key, query.shape[1]), repeated(value, query.shape[1])
    needs_gradient = torch.is_grad_enabled() and any(each.requires_grad for each in (query, key, value))
    outputs, log_sums = [], []
    for start in range(0, query.shape[2], _QUERIES):
        rows = slice(start, start + _QUERIES)
        seen, bias = _rows(visible, rows), _rows(mask.bias, rows)
        block = (query[:, :, rows], key, value, seen, bias, scale)
        found = checkpoint(_block, *block, use_reentrant=False) if needs_gradient else _block(*block)
        outputs.append(found[0])
        log_sums.append(found[1])
    return torch.cat(outputs, dim=2), torch.cat(log_sums, dim=2)


def safe_log_sum(scores: Tensor) -> Tensor:
    """Log-sum-exp over the last axis; -inf without gradient where all is -inf."""
    is_empty = torch.isneginf(scores).all(-1)
    found = scores.masked_fill(is_empty[..., None], 0.0).logsumexp(-1)
    return found.masked_fill(is_empty, float("-inf"))


def _block(
    query: Tensor, key: Tensor, value: Tensor, visible: Tensor | None, bias: Tensor | None, scale: float
) -> tuple[Tensor, Tensor]:
    scores = query @ key.mT * scale
    if scores.dtype in (torch.float16, torch.bfloat16):
        scores = scores.float()
    if bias is not None:
        scores = scores + bias
    if visible is not None:
        scores = scores.masked_fill(~visible, float("-inf"))
    return plain_softmax(scores).to(value.dtype) @ value, safe_log_sum(scores)


def _rows(tensor: Tensor | None, rows: slice) -> Tensor | None:
    """Those rows of [..., L | 1, S]."""
    if tensor is None or tensor.dim() < 2 or tensor.shape[-2] == 1:
        return tensor
    return tensor[..., rows, :]
