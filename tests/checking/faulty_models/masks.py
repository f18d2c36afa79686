"""AP103: masks after the softmax. AP104: queries without keys. AP105: mask values that do not do."""

from __future__ import annotations

import torch
from checking.correctness_cases import HEAD_DIM, SEQ_LEN, Case, Projections, padded_ids
from torch import Tensor
from torch.nn import functional as F


class Multiplied(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        weights = F.softmax(query @ key.mT * HEAD_DIM**-0.5, dim=-1)
        visible = torch.ones(x.shape[1], x.shape[1]).tril()
        weights = weights * visible  # AP103
        return self.merged(weights @ value)


class FilledWithZero(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        weights = torch.softmax(torch.einsum("bhid,bhjd->bhij", query, key) / HEAD_DIM**0.5, -1)
        future = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        weights = weights.masked_fill(future, 0.0)  # AP103
        return self.merged(torch.einsum("bhij,bhjd->bhid", weights, value))


class BufferInPlace(Projections):
    """The mask is a buffer, cut to length, and multiplied in place after a dropout that rests."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("visible", torch.ones(64, 64).tril())

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        scores = query @ key.mT / HEAD_DIM**0.5
        weights = F.dropout(scores.softmax(-1), 0.1, self.training)
        weights *= self.visible[: x.shape[1], : x.shape[1]]  # AP103
        return self.merged(weights @ value)


class PaddingBeforeCausalAfter(Projections):
    def forward(self, x: Tensor, attention_mask: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        scores = query @ key.mT / HEAD_DIM**0.5
        scores = scores.masked_fill(attention_mask[:, None, None] == 0, float("-inf"))
        visible = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
        weights = torch.where(visible, scores.softmax(-1), 0.0)  # AP103
        return self.merged(weights @ value)


class StrictlyCausal(Projections):
    """Nothing precedes the first token: a finite number, so its row is uniform and sees what comes."""

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        scores = query @ key.mT / HEAD_DIM**0.5
        hidden = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(0)
        scores = scores.masked_fill(hidden, -1e9)  # AP104 AP106
        return self.merged(scores.softmax(-1) @ value)


class KernelWithoutSelf(Projections):
    """Everything up to three tokens back, but not the token itself: the first row is uniform."""

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        steps = torch.arange(x.shape[1])
        distance = steps[:, None] - steps
        visible = (distance > 0) & (distance <= 3)
        bias = torch.zeros(visible.shape).masked_fill(~visible, -1e9)
        return self.merged(F.scaled_dot_product_attention(query, key, value, attn_mask=bias))  # AP104 AP106


class Blocks(Projections):
    """Tokens of other blocks are visible, those of the own block are not: the only block sees nothing."""

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        block = torch.arange(x.shape[1]) // SEQ_LEN
        bias = (block[:, None] == block).float() * -1e9
        scores = query @ key.mT / HEAD_DIM**0.5 + bias  # AP104
        return self.merged(scores.softmax(-1) @ value)


class TooLargeForHalf(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        visible = torch.ones(x.shape[1], x.shape[1], dtype=x.dtype).tril()
        scores = query @ key.mT / HEAD_DIM**0.5
        scores = scores + (1.0 - visible) * -1e9  # AP105
        return self.merged(scores.softmax(-1) @ value)


class ChosenInHalf(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        visible = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
        scores = query @ key.mT / HEAD_DIM**0.5
        scores = torch.where(visible, scores, -1e20)  # AP105
        return self.merged(scores.softmax(-1) @ value)


class KernelInHalf(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        future = torch.ones(x.shape[1], x.shape[1], dtype=x.dtype).triu(1)
        bias = future * -1e30
        return self.merged(F.scaled_dot_product_attention(query, key, value, attn_mask=bias))  # AP105


class TinyInsteadOfHuge(Projections):
    """1e-9 where -1e9 was meant."""

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        scores = query @ key.mT / HEAD_DIM**0.5
        future = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(future, 1e-9)  # AP105
        return self.merged(scores.softmax(-1) @ value)


class ZeroScores(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        scores = torch.einsum("bhid,bhjd->bhij", query, key) / HEAD_DIM**0.5
        visible = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
        scores = torch.where(visible, scores, 0.0)  # AP105
        return self.merged(scores.softmax(-1) @ value)


CASES = {
    "multiplied": Case(Multiplied),
    "filled_with_zero": Case(FilledWithZero),
    "buffer_in_place": Case(BufferInPlace),
    "padding_before_causal_after": Case(PaddingBeforeCausalAfter, inputs=padded_ids),
    "strictly_causal": Case(StrictlyCausal),
    "kernel_without_self": Case(KernelWithoutSelf),
    "blocks": Case(Blocks),
    "too_large_for_half": Case(TooLargeForHalf, dtype=torch.float16),
    "chosen_in_half": Case(ChosenInHalf, dtype=torch.float16),
    "kernel_in_half": Case(KernelInHalf, dtype=torch.float16),
    "tiny_instead_of_huge": Case(TinyInsteadOfHuge),
    "zero_scores": Case(ZeroScores),
}
