"""Attention within buckets: tokens sorted by bucket, and a window over that order."""

from __future__ import annotations

import torch
from torch import Tensor

from attnprobe.attention.sparse.rows import Pieces
from attnprobe.attention.sparse.windows import window_rows, window_rule

SELF_SCORE = -1e5  # of a token with itself: it counts only where nothing else is seen


def hashed(tensor: Tensor, rotations: Tensor) -> Tensor:
    """Angular buckets of vectors: the nearest of the rotated axes and their opposites. -> int [B, H, R, S].

    Args:
        tensor: [B, H, S, D].
        rotations: [R, D, buckets / 2].
    """
    exact = torch.promote_types(tensor.dtype, torch.float32)
    with torch.autocast(tensor.device.type, enabled=False):
        turned = tensor.detach().to(exact)[:, :, None] @ rotations.to(exact)  # [B, H, R, S, buckets / 2]
    return torch.cat((turned, -turned), dim=-1).argmax(-1)


def attend_in_buckets(
    query: Tensor, key: Tensor, value: Tensor, buckets: Tensor, reach: tuple[int, int], scale: float
) -> Tensor:
    """Every token attends to those of its bucket that stand near to it among these, in all rounds together.

    What a token sees to its left depends on earlier tokens of its bucket alone, as no borders of chunks move
    when others come. A pair that meets in several rounds counts once for each.

    Args:
        query: [B, H, S, D].
        key: [B, H, S, D].
        value: [B, H, S, Dv].
        buckets: int [B, H, R, S]; below 0: sees nothing and is not seen.
        reach: Tokens of the same bucket to the left and to the right.
        scale: Of the scores.

    Returns:
        [B, H, S, Dv].
    """
    order = buckets.argsort(dim=-1, stable=True)  # [B, H, R, S]
    label = buckets.gather(-1, order)
    q, k, v = (_sorted(each, order) for each in (query, key, value))
    rows = window_rows(q.shape[3], q.shape[3], reach)
    size = rows[0].stop
    keys, values = (Pieces(each.flatten(1, 2), size) for each in (k, v))
    queries = q.flatten(1, 2).split_with_sizes([row.stop - row.start for row in rows], dim=2)
    labels, near = label.flatten(1, 2), window_rule(reach)
    parts = []
    for row, block in zip(rows, queries, strict=True):
        ((start, stop),) = row.spans
        at = torch.arange(row.start, row.stop, device=q.device)[:, None]
        to = torch.arange(start, stop, device=q.device)[None, :]
        own, other = labels[..., row.start : row.stop, None], labels[..., None, start:stop]
        visible = near(at, to) & (own == other) & (own >= 0)
        scores = (block @ keys.take(row.spans).mT).to(torch.promote_types(q.dtype, torch.float32)) * scale
        scores = scores.masked_fill(at == to, SELF_SCORE).masked_fill(~visible, float("-inf"))
        parts.append(_served(scores, values.take(row.spans)))
    rounds = (*order.shape[:3], order.shape[3])
    outs, sums, peaks = (torch.cat(each, dim=2).view(*rounds, -1) for each in zip(*parts, strict=True))
    back = order.argsort(dim=-1)
    return _joined(*(_sorted_rounds(each, back) for each in (outs, sums, peaks))).to(query.dtype)


def _served(scores: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Σ exp(score - peak) value, Σ exp(score - peak), and the peak: -inf where nothing is seen."""
    peak = scores.detach().amax(-1, keepdim=True)
    weights = torch.exp(scores - peak.masked_fill(torch.isneginf(peak), 0.0))
    return (weights.to(value.dtype) @ value).to(scores.dtype), weights.sum(-1, keepdim=True), peak


def _joined(outs: Tensor, sums: Tensor, peaks: Tensor) -> Tensor:
    """Rounds, each weighted by its sum. [B, H, R, S, Dv] -> [B, H, S, Dv]."""
    largest = peaks.amax(2, keepdim=True)
    weight = torch.exp(peaks - largest.masked_fill(torch.isneginf(largest), 0.0))
    total = (weight * sums).sum(2)
    return (weight * outs).sum(2) / total.masked_fill(total == 0, 1.0)


def _sorted(tensor: Tensor, order: Tensor) -> Tensor:
    """A copy per round, in its order. [B, H, S, D] -> [B, H, R, S, D]."""
    rounds = order.shape[2]
    return _sorted_rounds(tensor[:, :, None].expand(-1, -1, rounds, -1, -1), order)


def _sorted_rounds(tensor: Tensor, order: Tensor) -> Tensor:
    """[B, H, R, S, D] in the order of [B, H, R, S]."""
    return tensor.gather(3, order[..., None].expand(*order.shape, tensor.shape[-1]))
