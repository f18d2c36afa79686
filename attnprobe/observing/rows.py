"""Sampled queries: all of a short sequence, 256 of a long one, spread evenly over the positions."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from attnprobe.observing.calls import AttentionCall, RowBlock
from attnprobe.observing.maps import AttentionMap

SAMPLED_QUERIES = 256
_BLOCK_BYTES = 2**25


def sampled_queries(length: int, seed: int) -> Tensor:
    """One random position out of each of 256 equal stretches: [min(length, 256)], ascending."""
    if length <= SAMPLED_QUERIES:
        return torch.arange(length)
    edges = torch.arange(SAMPLED_QUERIES + 1) * length // SAMPLED_QUERIES
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.rand(SAMPLED_QUERIES, generator=generator, dtype=torch.float64)
    return edges[:-1] + (drawn * (edges[1:] - edges[:-1])).long()


def row_blocks(call: AttentionCall, attention: AttentionMap, seed: int) -> Iterator[RowBlock]:
    """The sampled queries of a call, in blocks of at most 32 MiB of probabilities."""
    index = sampled_queries(attention.L, seed)
    step = max(_BLOCK_BYTES // max(4 * attention.N * attention.H * attention.S, 1), 1)
    for start in range(0, len(index), step):
        yield row_block(call, attention, index[start : start + step].to(attention.visible().device))


def row_block(call: AttentionCall, attention: AttentionMap, index: Tensor) -> RowBlock:
    """What the map holds for some queries."""
    visible = attention.visible_rows(index)
    probabilities, logits = attention.rows_and_logits(index)
    valid = visible.any(-1).all(1).expand(attention.N, -1)
    if call.query_tokens is not None:
        valid = valid & call.query_tokens[:, index]
    return RowBlock(index, probabilities, logits, visible, valid)
