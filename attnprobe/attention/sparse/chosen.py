"""Every query chooses blocks of keys; queries that chose the same block are served together.

The pairs (query, chosen block) are sorted by block and laid into tiles of equal size, so that no tile touches
two blocks. All shapes follow from those of the arguments, and the work from the number of choices, L n b:
nothing of size L S comes up. Each tile gives a softmax of its own; its parts are weighted by their sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

_CHUNK = 2**20  # scores held at a time


@dataclass(frozen=True, slots=True)
class Tiles:
    """Where every choice is computed."""

    queries: Tensor  # int [B, H, T, t]: the query in each place of a tile; L where the place is empty
    blocks: Tensor  # int [B, H, T]: the block of keys of a tile
    places: Tensor  # int [B, H, L, n]: the place (of T t) of each choice; T t where nothing was chosen


def attend_to_chosen(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    chosen: Tensor,
    real: Tensor | None,
    size: int,
    scale: float,
    is_causal: bool,
) -> Tensor:
    """Softmax attention of every query to the keys of its chosen blocks. -> [B, H, L, Dv].

    Args:
        query: [B, H, L, D].
        key: [B, G, S, D].
        value: [B, G, S, Dv].
        chosen: int [B, H, L, n], numbers of different blocks; below 0: none.
        real: bool [B, S], False: a key that nobody sees; None: all are seen.
        size: Keys b of a block.
        scale: Of the scores.
        is_causal: No key later than the query; both sequences end together.
    """
    batch, heads, q_len, kv_len = query.shape[0], query.shape[1], query.shape[2], key.shape[2]
    count = -(-kv_len // size)
    tiles = tiled(chosen, count, size)
    queries, keys, values = _table(query, heads), _blocks(key, size, heads), _blocks(value, size, heads)
    seen = torch.ones(batch, kv_len, dtype=torch.bool, device=key.device) if real is None else real
    seen = F.pad(seen, (0, -kv_len % size)).view(batch, count, size)
    parts = []
    total = tiles.blocks.shape[2]
    # The gradient of a look-up is as large as its table, so when training there is one look-up, not many.
    trains = torch.is_grad_enabled() and any(each.requires_grad for each in (query, key, value))
    step = total if trains else max(_CHUNK // (batch * heads * size * size), 1)
    for first in range(0, total, step):
        blocks, at = tiles.blocks[:, :, first : first + step], tiles.queries[:, :, first : first + step]
        visible = seen[torch.arange(batch, device=key.device)[:, None, None], blocks][:, :, :, None, :]
        if is_causal:
            position = blocks[..., None, None] * size + torch.arange(size, device=key.device)
            visible = visible & (position <= at[..., None] + (kv_len - q_len))
        shape = (*blocks.shape, size, -1)
        query_tile = queries.take(at.clamp(max=q_len - 1))
        parts.append(
            _served(
                query_tile, keys.take(blocks).view(shape), values.take(blocks).view(shape), visible, scale
            )
        )
    outs, sums, peaks = (torch.cat(each, dim=2).flatten(2, 3) for each in zip(*parts, strict=True))
    return _joined(outs, sums, peaks, tiles.places).to(query.dtype)


def tiled(chosen: Tensor, count: int, size: int) -> Tiles:
    """Choices [B, H, L, n] among `count` blocks, sorted by block into tiles of `size` places.

    The number of tiles is the largest that can be needed, L n / t + count: it depends on no value.
    """
    batch, heads, q_len, each = chosen.shape
    choices = q_len * each
    total = max((choices + count * (size - 1)) // size, 1)
    ordered, order = torch.where(chosen < 0, count, chosen).flatten(2).sort(dim=-1, stable=True)
    numbers = torch.arange(count + 1, device=chosen.device).expand(batch, heads, -1).contiguous()
    starts = torch.searchsorted(ordered, numbers)  # [B, H, count + 1]
    needed = (starts.diff(dim=-1) + size - 1) // size  # tiles of each block
    ends = needed.cumsum(-1)
    block = ordered.clamp(max=count - 1)
    rank = torch.arange(choices, device=chosen.device) - starts.gather(-1, block)
    place = torch.where(ordered == count, total * size, (ends - needed).gather(-1, block) * size + rank)
    queries = torch.full((batch, heads, total * size + 1), q_len, device=chosen.device)
    queries = queries.scatter(-1, place, order // each)[..., :-1].view(batch, heads, total, size)
    tile = torch.arange(total, device=chosen.device).expand(batch, heads, -1).contiguous()
    blocks = torch.searchsorted(ends, tile, right=True).clamp(max=count - 1)
    places = torch.empty_like(place).scatter(-1, order, place).view(batch, heads, q_len, each)
    return Tiles(queries, blocks, places)


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows of every head one below the other, to be looked up by head and number."""

    rows: Tensor  # [B G n, D]
    first: Tensor  # int [B, H]: where the rows of a head begin

    def take(self, numbers: Tensor) -> Tensor:
        """[B, H, …] -> [B, H, …, D]. An embedding: its gradient is far faster than that of indexing."""
        first = self.first.view(*self.first.shape, *(1,) * (numbers.dim() - 2))
        return F.embedding(numbers + first, self.rows)


def _table(tensor: Tensor, heads: int) -> _Table:
    """Of [B, G, n, D]; a key-value head is looked up by every query head of its group."""
    batch, groups, rows, width = tensor.shape
    group = torch.arange(heads, device=tensor.device) // (heads // groups)
    first = (torch.arange(batch, device=tensor.device)[:, None] * groups + group) * rows
    return _Table(tensor.reshape(batch * groups * rows, width), first)


def _blocks(tensor: Tensor, size: int, heads: int) -> _Table:
    """Whole blocks as rows, [B G count, b D]."""
    full = F.pad(tensor, (0, 0, 0, -tensor.shape[2] % size))
    batch, groups, length, width = full.shape
    return _table(full.reshape(batch, groups, length // size, size * width), heads)


def _served(
    query: Tensor, key: Tensor, value: Tensor, visible: Tensor, scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Σ exp(score - peak) value, Σ exp(score - peak), and the peak: -inf where nothing is seen."""
    exact = torch.promote_types(query.dtype, torch.float32)
    scores = (query @ key.mT).to(exact) * scale  # [B, H, T, t, b]
    scores = scores.masked_fill(~visible, float("-inf"))
    peak = scores.detach().amax(-1, keepdim=True)
    weights = torch.exp(scores - peak.masked_fill(torch.isneginf(peak), 0.0))
    return (weights.to(value.dtype) @ value).to(exact), weights.sum(-1), peak.squeeze(-1)


def _joined(outs: Tensor, sums: Tensor, peaks: Tensor, places: Tensor) -> Tensor:
    """The parts of a query, weighted by their sums. [B, H, P, Dv] -> [B, H, L, Dv]."""
    heads = places.shape[1]
    absent = places == outs.shape[2]
    places = places.clamp(max=outs.shape[2] - 1)
    flat = places.flatten(2)
    peak = peaks.gather(2, flat).view(places.shape).masked_fill(absent, float("-inf"))
    largest = peak.amax(-1, keepdim=True)
    weight = torch.exp(peak - largest.masked_fill(torch.isneginf(largest), 0.0))  # [B, H, L, n]
    total = (weight * sums.gather(2, flat).view(places.shape)).sum(-1, keepdim=True)
    parts = _table(outs, heads).take(places)  # [B, H, L, n, Dv]
    out = (weight[..., None, :] @ parts).squeeze(-2)
    # A query that sees nothing has a sum of zero over zero parts.
    return out / total.masked_fill(total == 0, 1.0)
