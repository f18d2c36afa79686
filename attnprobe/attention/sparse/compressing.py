"""Blocks of keys or values made one, and what attention to these says about where to look."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attnprobe.attention.foundation.plain import plain_softmax
from attnprobe.attention.sparse.affinity import own_and_best
from attnprobe.attention.sparse.rows import blocks_of

_ROW = 1024  # queries whose weights are held at a time


class Compression(nn.Module):
    """A learned linear map of a whole block to one vector; at first the mean.

    Args:
        size: Tokens of a block.
        head_dim: Width of a token.
    """

    def __init__(self, size: int, head_dim: int) -> None:
        super().__init__()
        self.size = size
        self.weight = nn.Parameter(torch.eye(head_dim).repeat(size, 1) / size)  # [l D, D]

    def forward(self, tensor: Tensor, real: Tensor | None) -> Tensor:
        """[B, G, S, D] -> [B, G, S // l, D]; what is not `real`, bool [B, S], counts as zero."""
        if real is not None:
            tensor = tensor.masked_fill(~real[:, None, :, None], 0.0)
        batch, groups, length, width = tensor.shape
        whole = tensor[:, :, : length // self.size * self.size]
        return whole.reshape(batch, groups, length // self.size, self.size * width) @ self.weight


def attend_to_compressed(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    real: Tensor | None,
    sizes: tuple[int, int],
    blocks: int,
    scale: float,
    kv_len: int,
) -> tuple[Tensor, Tensor]:
    """Causal attention to compressed blocks, and the blocks of keys that it points to.

    A query sees a compressed block when its last token is not later than the query.

    Args:
        query: [B, H, L, D]; its end is that of the keys.
        key: [B, G, C, D], of `Compression`.
        value: [B, G, C, Dv].
        real: bool [B, S]; a compressed block without a real token is hidden.
        sizes: Tokens of a compressed block and of a block that is chosen, a multiple of it.
        blocks: How many are chosen, the query's own among them.
        scale: Of the scores.
        kv_len: Keys S before compression.

    Returns:
        Output [B, H, L, Dv], and int [B, H, L, n], equal for the heads of a group; -1: none.
    """
    size, block_size = sizes
    groups, count, q_len = key.shape[1], key.shape[2], query.shape[2]
    position = torch.arange(kv_len - q_len, kv_len, device=query.device)
    last = torch.arange(1, count + 1, device=query.device) * size - 1
    own = torch.where(position < 0, -1, position // block_size)
    outs, found = [], []
    for start, stop in blocks_of(q_len, _ROW):
        visible = last <= position[start:stop, None]  # [l, C]
        if real is not None:
            has_real = real[:, : count * size].reshape(real.shape[0], count, size).any(-1)
            visible = visible & has_real[:, None, None, :]
        shape = (*query.shape[:2], stop - start)
        folded = (query.shape[0], groups, query.shape[1] // groups * (stop - start))  # a group's heads
        scores = query[:, :, start:stop].reshape(*folded, query.shape[3]) @ key.mT
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32)).view(*shape, count) * scale
        weights = plain_softmax(scores.masked_fill(~visible, float("-inf")))
        out = weights.to(value.dtype).reshape(*folded, count) @ value
        outs.append(out.view(*shape, value.shape[3]))
        importance = _by_block(weights.detach(), groups, sizes, kv_len)  # [B, G, l, blocks]
        at = own[start:stop, None]
        is_own = torch.arange(importance.shape[3], device=query.device) == at  # chosen anyway
        found.append(own_and_best(importance.masked_fill(is_own, float("-inf")), at, blocks))
    chosen = torch.cat(found, dim=2).repeat_interleave(query.shape[1] // groups, dim=1)
    return torch.cat(outs, dim=2), chosen


def _by_block(weights: Tensor, groups: int, sizes: tuple[int, int], kv_len: int) -> Tensor:
    """Weight of each block for a group of heads; -inf where it is none. [B, H, l, C] -> [B, G, l, blocks]."""
    batch, heads, rows, count = weights.shape
    total = -(-kv_len // sizes[1])
    per_block = sizes[1] // sizes[0]
    summed = weights.view(batch, groups, heads // groups, rows, count).sum(2)
    full = F.pad(summed, (0, total * per_block - count))
    importance = full.view(batch, groups, rows, total, per_block).sum(-1)
    return importance.masked_fill(importance == 0, float("-inf"))
