"""AP110: heads are split or merged without the transpose that it takes."""

from __future__ import annotations

import torch
from checking.correctness_cases import EMBED_DIM, HEAD_DIM, NUM_HEADS, Case, Projections, ids
from torch import Tensor, nn
from torch.nn import functional as F


class Split(Projections):
    def split(self, x: Tensor) -> Tensor:
        return x.view(x.shape[0], NUM_HEADS, x.shape[1], HEAD_DIM)  # AP110

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (self.split(p(x)) for p in (self.q_proj, self.k_proj, self.v_proj))
        weights = (query @ key.mT / HEAD_DIM**0.5).softmax(-1)
        return self.o_proj((weights @ value).reshape(x.shape))


class SplitIntoBatch(Projections):
    """[B, S, E] straight to [B H, S, D]."""

    def split(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0] * NUM_HEADS, x.shape[1], HEAD_DIM)  # AP110

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (self.split(p(x)) for p in (self.q_proj, self.k_proj, self.v_proj))
        weights = torch.softmax(torch.bmm(query, key.mT) * HEAD_DIM**-0.5, dim=-1)
        return self.o_proj(torch.bmm(weights, value).view(x.shape))


class SplitForKernel(nn.Module):
    """Queries, keys and values in one product, cut the wrong way round."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.output = nn.Linear(EMBED_DIM, 3 * EMBED_DIM), nn.Linear(EMBED_DIM, EMBED_DIM)

    def forward(self, x: Tensor) -> Tensor:
        heads = self.qkv(x).view(x.shape[0], NUM_HEADS, x.shape[1], 3 * HEAD_DIM)  # AP110
        output = F.scaled_dot_product_attention(*heads.chunk(3, dim=-1))
        return self.output(output.transpose(1, 2).reshape(x.shape))


class Merge(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        output = (query @ key.mT / HEAD_DIM**0.5).softmax(-1) @ value
        return self.o_proj(output.reshape(x.shape))  # AP110


class MergeAfterKernel(Projections):
    def forward(self, x: Tensor) -> Tensor:
        output = F.scaled_dot_product_attention(*self.heads(x))
        output = output.contiguous().view(x.shape[0], x.shape[1], EMBED_DIM)  # AP110
        return self.o_proj(output)


CASES = {
    "split": Case(Split),
    "split_into_batch": Case(SplitIntoBatch),
    "split_for_kernel": Case(SplitForKernel),
    "merge": Case(Merge),
    "merge_after_kernel": Case(MergeAfterKernel),
    "split_of_odd_length": Case(Split, inputs=lambda: ids(seq_len=9)),
    "split_into_batch_of_odd_length": Case(SplitIntoBatch, inputs=lambda: ids(seq_len=9)),
    "split_for_kernel_of_odd_length": Case(SplitForKernel, inputs=lambda: ids(seq_len=9)),
    "merge_of_odd_length": Case(Merge, inputs=lambda: ids(seq_len=9)),
    "merge_after_kernel_of_odd_length": Case(MergeAfterKernel, inputs=lambda: ids(seq_len=9)),
}
