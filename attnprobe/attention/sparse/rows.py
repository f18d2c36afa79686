"""Attention as rows: a block of queries, and the stretches of keys that any of them may see.

Every row is one fused call, so work and memory grow with the pairs that the rows name, not with L S. A loop
of such calls is faster than one batched call on unfolded keys: it copies less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from attnprobe.attention.foundation.masks import Mask

Span = tuple[int, int]  # keys from … up to, not including
Rule = Callable[[Tensor, Tensor], Tensor]  # positions of queries [L, 1] and keys [1, S] -> visible [L, S]


@dataclass(frozen=True, slots=True)
class Row:
    """A block of queries (indices, not positions) and ascending, disjoint stretches of keys."""

    start: int
    stop: int
    spans: tuple[Span, ...]


def attend_rows(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Mask,
    scale: float,
    rows: Sequence[Row],
    rule: Rule | None,
) -> Tensor:
    """Softmax attention of every row to its own keys. [B, H, L, D] x [B, G, S, D] -> [B, H, L, Dv].

    Args:
        query: [B, H, L, D].
        key: [B, G, S, D].
        value: [B, G, S, Dv].
        mask: Padding, segments, dense and bias are read here; causality and windows are the rule's.
        scale: Of the scores.
        rows: Together all queries, in order.
        rule: What is visible within the spans; None: all of it.
    """
    size = max(row.stop - row.start for row in rows)
    keys, values = Pieces(key, size), Pieces(value, size)
    queries = query.split_with_sizes([row.stop - row.start for row in rows], dim=2)
    shift = key.shape[2] - query.shape[2]
    outs = []
    for row, block in zip(rows, queries, strict=True):
        if row.spans:
            seen = seen_by(mask, row, rule, shift, query.device)
            bias = None if mask.bias is None else part_of(mask.bias, row)
            out = fused(block, keys.take(row.spans), values.take(row.spans), seen, bias, scale)
        else:
            out = block.new_zeros(*block.shape[:3], value.shape[3])
        outs.append(out.transpose(1, 2))
    # Tokens before heads: the output projection then reads it without a copy.
    return torch.cat(outs, dim=1).transpose(1, 2)


def fused(
    query: Tensor, key: Tensor, value: Tensor, visible: Tensor | None, bias: Tensor | None, scale: float
) -> Tensor:
    """One call of F.scaled_dot_product_attention. [B, H, L, D] x [B, G, S, D] -> [B, H, L, Dv]."""
    if visible is None and bias is None and query.shape[2] == 1:
        # One query that sees all keys: the heads of a group become its queries, and no key is copied.
        folded = query.reshape(query.shape[0], key.shape[1], -1, query.shape[3])  # [B, G, H/G, D]
        return F.scaled_dot_product_attention(folded, key, value, scale=scale).flatten(1, 2).unsqueeze(2)
    attn_mask = visible
    if bias is not None:
        attn_mask = bias.to(query.dtype)
        if visible is not None:
            attn_mask = attn_mask.masked_fill(~visible, float("-inf"))
    return F.scaled_dot_product_attention(
        query, key, value, attn_mask=attn_mask, scale=scale, enable_gqa=key.shape[1] != query.shape[1]
    )


class Pieces:
    """Keys or values cut into equal pieces, so that a stretch of them can be taken in time of its own length.

    Slicing the whole tensor instead would make the gradient of every row one of full length.

    Args:
        tensor: [B, G, S, D].
        size: Tokens of a piece.
    """

    def __init__(self, tensor: Tensor, size: int) -> None:
        self.tensor, self.size = tensor, size
        cut = tensor.requires_grad and torch.is_grad_enabled()
        sizes = [stop - start for start, stop in blocks_of(tensor.shape[2], size)]
        self.pieces = tensor.split_with_sizes(sizes, dim=2) if cut else None

    def take(self, spans: Iterable[Span]) -> Tensor:
        """The tokens of these stretches, one behind the other. [B, G, n, D]."""
        parts = [part for span in spans for part in self._parts(*span)]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)

    def _parts(self, start: int, stop: int) -> list[Tensor]:
        if self.pieces is None:
            return [self.tensor[:, :, start:stop]]
        found = []
        for number in range(start // self.size, -(-stop // self.size)):
            first = number * self.size
            piece = self.pieces[number]
            found.append(piece[:, :, max(start - first, 0) : min(stop - first, piece.shape[2])])
        return found


def blocks_of(length: int, size: int) -> list[Span]:
    """0 … length in blocks of `size`, the last one perhaps shorter."""
    return [(start, min(start + size, length)) for start in range(0, length, size)]


def merged(spans: Iterable[Span], length: int) -> tuple[Span, ...]:
    """Stretches in order of their starts, clipped to 0 … length; overlapping ones joined, empty ones gone."""
    found: list[Span] = []
    for start, stop in ((max(start, 0), min(stop, length)) for start, stop in spans):
        if start >= stop:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        else:
            found.append((start, stop))
    return tuple(found)


def positions(q_len: int, kv_len: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Where queries and keys stand, [L, 1] and [1, S]; both sequences end together."""
    queries = torch.arange(kv_len - q_len, kv_len, device=device)
    return queries[:, None], torch.arange(kv_len, device=device)[None, :]


def narrowed(mask: Mask, visible: Tensor) -> Mask:
    """The mask with one more condition, [L, S]; for references."""
    return replace(mask, dense=visible if mask.dense is None else mask.dense & visible)


def seen_by(mask: Mask, row: Row, rule: Rule | None, shift: int, device: torch.device) -> Tensor | None:
    """All conditions on the pairs of a row but the bias, broadcast to [B, H, l, s]; None: all is seen."""
    found: list[Tensor] = []
    if rule is not None:
        queries = torch.arange(row.start + shift, row.stop + shift, device=device)
        keys = [torch.arange(*span, device=device) for span in row.spans]
        found.append(rule(queries[:, None], torch.cat(keys)[None, :]))
    if mask.padding is not None:
        found.append(_columns(mask.padding[:, None, None, :], row))
    if mask.segments is not None:
        own = mask.segments[:, None, row.start : row.stop, None]
        found.append(own == _columns(mask.segments[:, None, None, :], row))
    if mask.dense is not None:
        found.append(part_of(mask.dense, row))
    visible: Tensor | None = None
    for each in found:
        visible = each if visible is None else visible & each
    return visible


def part_of(tensor: Tensor, row: Row) -> Tensor:
    """Queries and keys of a row from what broadcasts to [B, H, L, S]."""
    if tensor.dim() >= 2 and tensor.shape[-2] > 1:
        tensor = tensor[..., row.start : row.stop, :]
    return _columns(tensor, row)


def _columns(tensor: Tensor, row: Row) -> Tensor:
    if tensor.shape[-1] == 1:
        return tensor
    return torch.cat([tensor[..., start:stop] for start, stop in row.spans], dim=-1)
