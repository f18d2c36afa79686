"""Masks and gates that are as they should be."""

from __future__ import annotations

import torch
from checking.correctness_cases import HEAD_DIM, NUM_HEADS, Case, Projections, ids, padded_ids
from torch import Tensor, nn
from torch.nn import functional as F


def causal(x: Tensor) -> Tensor:
    return torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()


class Renormalised(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        scores = query @ key.mT / HEAD_DIM**0.5
        weights = scores.softmax(-1) * causal(x)
        return self.merged(weights / weights.sum(-1, keepdim=True) @ value)


class RenormalisedByNorm(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        weights = (query @ key.mT / HEAD_DIM**0.5).softmax(-1).masked_fill(~causal(x), 0.0)
        return self.merged(F.normalize(weights, p=1, dim=-1) @ value)


class RenormalisedAfterValues(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        weights = (query @ key.mT / HEAD_DIM**0.5).softmax(-1) * causal(x)
        return self.merged((weights @ value) / weights.sum(-1, keepdim=True))


class SameMaskTwice(Projections):
    """Speech encoders write zeros where the softmax left NaN (Watanabe et al. 2018, arXiv:1804.00015)."""

    def forward(self, x: Tensor, attention_mask: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        hidden = attention_mask[:, None, None] == 0
        scores = (query @ key.mT / HEAD_DIM**0.5).masked_fill(hidden, float("-inf"))
        return self.merged(scores.softmax(-1).masked_fill(hidden, 0.0) @ value)


class HeadGates(Projections):
    """A learned number per head, and a fixed one that switches a head off."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.ones(NUM_HEADS, 1, 1))
        self.register_buffer("kept", torch.tensor([1.0, 1.0, 0.0, 1.0]).view(NUM_HEADS, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        weights = (query @ key.mT / HEAD_DIM**0.5).masked_fill(~causal(x), float("-inf")).softmax(-1)
        return self.merged(weights * self.gate * self.kept @ value)


class PaddedQueriesZeroed(Projections):
    def forward(self, x: Tensor, attention_mask: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        scores = (query @ key.mT / HEAD_DIM**0.5).masked_fill(attention_mask[:, None, None] == 0, -1e9)
        return self.merged(scores.softmax(-1) * attention_mask[:, None, :, None] @ value)


class DroppedInTraining(Projections):
    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.3)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        weights = self.dropout((query @ key.mT / HEAD_DIM**0.5).softmax(-1))
        return self.merged(F.dropout(weights, 0.1, self.training) @ value)


class BestKeysOnly(Projections):
    """The mask is made from the scores themselves."""

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        weights = (query @ key.mT / HEAD_DIM**0.5).softmax(-1)
        kept = weights >= weights.topk(4, dim=-1).values[..., -1:]
        return self.merged(weights * kept @ value)


class TalkingHeads(Projections):
    def __init__(self) -> None:
        super().__init__()
        self.before, self.after = nn.Linear(NUM_HEADS, NUM_HEADS), nn.Linear(NUM_HEADS, NUM_HEADS)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        scores = (query @ key.mT / HEAD_DIM**0.5).permute(0, 2, 3, 1)
        weights = self.after(self.before(scores).softmax(2)).permute(0, 3, 1, 2)
        return self.merged(weights @ value)


class PrefixVisible(Projections):
    """The first four tokens see each other; the rest is causal (Raffel et al. 2020, arXiv:1910.10683)."""

    def forward(self, x: Tensor) -> Tensor:
        visible = causal(x)
        visible[:, :4] = True
        return self.merged(F.scaled_dot_product_attention(*self.heads(x), attn_mask=visible))


class DecayedAndRetained(Projections):
    """Retention: no softmax, so the mask may come as a product (Sun et al. 2023, arXiv:2307.08621)."""

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        steps = torch.arange(x.shape[1])
        decay = (0.9 ** (steps[:, None] - steps).clamp(min=0)) * causal(x)
        return self.merged((query @ key.mT / HEAD_DIM**0.5 * decay) @ value)


class LargestOfItsDtype(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        scores = query @ key.mT / HEAD_DIM**0.5
        scores = scores.masked_fill(~causal(x), torch.finfo(scores.dtype).min)
        return self.merged(scores.softmax(-1) @ value)


class MinusTenThousandInHalf(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        bias = (~causal(x)).to(x.dtype) * -1e4
        return self.merged((query @ key.mT / HEAD_DIM**0.5 + bias).softmax(-1) @ value)


class MinusHundred(Projections):
    """As windows that were shifted are kept apart (Liu et al. 2021, arXiv:2103.14030)."""

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        part = torch.arange(x.shape[1]) // 6
        bias = (part[:, None] != part).float() * -100.0
        return self.merged((query @ key.mT / HEAD_DIM**0.5 + bias).softmax(-1) @ value)


class Infinity(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        bias = torch.full((x.shape[1], x.shape[1]), float("-inf"), dtype=x.dtype).triu(1)
        return self.merged((query @ key.mT / HEAD_DIM**0.5 + bias).softmax(-1) @ value)


def left_padded() -> dict[str, Tensor]:
    """The first four tokens of the second sample are padding: causal rows of it see nothing."""
    mask = torch.ones(2, 12, dtype=torch.long)
    mask[1, :4] = 0
    return {"ids": ids(), "attention_mask": mask}


class CausalAndPadded(Projections):
    def forward(self, x: Tensor, attention_mask: Tensor) -> Tensor:
        visible = causal(x) & (attention_mask[:, None, None] == 1)
        bias = torch.zeros(visible.shape).masked_fill(~visible, -1e9)
        return self.merged(F.scaled_dot_product_attention(*self.heads(x), attn_mask=bias))


CASES = {
    "renormalised": Case(Renormalised),
    "renormalised_by_norm": Case(RenormalisedByNorm),
    "renormalised_after_values": Case(RenormalisedAfterValues),
    "same_mask_twice": Case(SameMaskTwice, inputs=padded_ids),
    "head_gates": Case(HeadGates),
    "padded_queries_zeroed": Case(PaddedQueriesZeroed, inputs=padded_ids),
    "dropped_in_training": Case(DroppedInTraining),
    "dropped_while_training": Case(DroppedInTraining, train=True),
    "best_keys_only": Case(BestKeysOnly),
    "talking_heads": Case(TalkingHeads),
    "prefix_visible": Case(PrefixVisible),
    "decayed_and_retained": Case(DecayedAndRetained),
    "largest_of_its_dtype": Case(LargestOfItsDtype, dtype=torch.float16),
    "minus_ten_thousand_in_half": Case(MinusTenThousandInHalf, dtype=torch.float16),
    "minus_hundred": Case(MinusHundred),
    "infinity": Case(Infinity, dtype=torch.bfloat16),
    "causal_and_padded": Case(CausalAndPadded, inputs=left_padded),
}
