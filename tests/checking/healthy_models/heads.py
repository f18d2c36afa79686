"""Heads that are split and merged as they should be, in unusual ways."""

from __future__ import annotations

import torch
from checking.correctness_cases import EMBED_DIM, HEAD_DIM, NUM_HEADS, Case, Projections, ids
from torch import Tensor, nn
from torch.nn import functional as F


class FoldedIntoBatch(Projections):
    def split(self, x: Tensor) -> Tensor:
        heads = x.view(*x.shape[:2], NUM_HEADS, HEAD_DIM).permute(0, 2, 1, 3)
        return heads.reshape(-1, x.shape[1], HEAD_DIM)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (self.split(p(x)) for p in (self.q_proj, self.k_proj, self.v_proj))
        output = torch.softmax(torch.bmm(query, key.mT) * HEAD_DIM**-0.5, dim=-1).bmm(value)
        return self.merged(output.view(x.shape[0], NUM_HEADS, x.shape[1], HEAD_DIM))


class FoldedIntoQueries(nn.Module):
    """One key for all heads: the heads are folded into the queries' positions, without a transpose."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj, self.kv_proj = nn.Linear(EMBED_DIM, EMBED_DIM), nn.Linear(EMBED_DIM, 2 * HEAD_DIM)
        self.o_proj = nn.Linear(EMBED_DIM, EMBED_DIM)

    def forward(self, x: Tensor) -> Tensor:
        query = self.q_proj(x).view(x.shape[0], x.shape[1] * NUM_HEADS, HEAD_DIM)
        key, value = self.kv_proj(x).chunk(2, dim=-1)
        weights = torch.softmax(query @ key.mT / HEAD_DIM**0.5, dim=-1)
        return self.o_proj((weights @ value).view(x.shape))


class SequenceFirst(Projections):
    """[S, B, E] viewed as [S, B H, D], as nn.MultiheadAttention does it."""

    def forward(self, x: Tensor) -> Tensor:
        length, batch = x.shape[1], x.shape[0]
        x = x.transpose(0, 1)
        query, key, value = (
            p(x).reshape(length, batch * NUM_HEADS, HEAD_DIM).transpose(0, 1)
            for p in (self.q_proj, self.k_proj, self.v_proj)
        )
        output = torch.baddbmm(torch.zeros(()), query * HEAD_DIM**-0.5, key.mT, beta=0).softmax(-1) @ value
        return self.o_proj(output.transpose(0, 1).reshape(length, batch, EMBED_DIM)).transpose(0, 1)


class Windows(Projections):
    """Windows of 4 tokens, folded into the batch."""

    def forward(self, x: Tensor) -> Tensor:
        inner = x.view(x.shape[0] * (x.shape[1] // 4), 4, EMBED_DIM)
        output = F.scaled_dot_product_attention(*self.heads(inner))
        return self.merged(output).view(x.shape)


class ChannelsFirst(nn.Module):
    """Pictures: [B, C, H, W] viewed as [B, heads, D, H W]."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.qkv = nn.Conv2d(3, 64, 1), nn.Conv2d(64, 192, 1)
        self.output = nn.Conv2d(64, 64, 1)

    def forward(self, images: Tensor) -> Tensor:
        x = self.first(images)
        heads = self.qkv(x).view(x.shape[0], 3, NUM_HEADS, HEAD_DIM, -1)
        query, key, value = heads.unbind(1)
        weights = torch.softmax(query.mT @ key / HEAD_DIM**0.5, dim=-1)
        return x + self.output((value @ weights.mT).reshape(x.shape))


class Interleaved(nn.Module):
    """Queries, keys and values of each head side by side: [B, S, H, 3 D]."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.output = nn.Linear(EMBED_DIM, 3 * EMBED_DIM), nn.Linear(EMBED_DIM, EMBED_DIM)

    def forward(self, x: Tensor) -> Tensor:
        heads = self.qkv(x).view(*x.shape[:2], NUM_HEADS, 3 * HEAD_DIM).transpose(1, 2)
        output = F.scaled_dot_product_attention(*heads.chunk(3, dim=-1))
        return self.output(output.permute(0, 2, 1, 3).reshape(x.shape))


def images() -> Tensor:
    return torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))


CASES = {
    "folded_into_batch": Case(FoldedIntoBatch),
    "folded_into_queries": Case(FoldedIntoQueries),
    "folded_into_queries_of_odd_length": Case(FoldedIntoQueries, inputs=lambda: ids(seq_len=9)),
    "sequence_first": Case(SequenceFirst),
    "windows": Case(Windows),
    "channels_first": Case(ChannelsFirst, ChannelsFirst, images),
    "interleaved": Case(Interleaved),
    "as_many_heads_as_tokens": Case(FoldedIntoBatch, inputs=lambda: ids(seq_len=NUM_HEADS)),
}
