"""AP106, AP116: the future is seen. AP107, AP117: samples of a batch see each other."""

from __future__ import annotations

import torch
from checking.correctness_cases import EMBED_DIM, HEAD_DIM, NUM_HEADS, Case, Projections, Text
from torch import Tensor, nn
from torch.nn import functional as F


def steps(x: Tensor) -> Tensor:
    return torch.arange(x.shape[1])


class Causal(Projections):
    def forward(self, x: Tensor) -> Tensor:
        return self.merged(F.scaled_dot_product_attention(*self.heads(x), is_causal=True))


class OneTooMany(Projections):
    """The next token is visible."""

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        visible = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril(diagonal=1)
        scores = (query @ key.mT / HEAD_DIM**0.5).masked_fill(~visible, float("-inf"))  # AP106
        return self.merged(scores.softmax(-1) @ value)


class Forgotten(Projections):
    def forward(self, x: Tensor) -> Tensor:
        return self.merged(F.scaled_dot_product_attention(*self.heads(x)))  # AP106


class TurnedRound(Projections):
    """tril where triu was meant: the past is hidden."""

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        hidden = torch.full((x.shape[1], x.shape[1]), float("-inf")).tril(-1)
        scores = torch.einsum("bhid,bhjd->bhij", query, key) / HEAD_DIM**0.5
        return self.merged((scores + hidden).softmax(-1) @ value)  # AP106


class WindowOnBothSides(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(EMBED_DIM, NUM_HEADS, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        hidden = (steps(x)[:, None] - steps(x)).abs() > 2
        return self.attention(x, x, x, attn_mask=hidden, need_weights=False)[0]  # AP106


class LooksAhead(Causal):
    """A convolution that is padded on both sides stands before the causal attention."""

    def __init__(self) -> None:
        super().__init__()
        self.near = nn.Conv1d(EMBED_DIM, EMBED_DIM, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.near(x.mT).mT)


class NormalisedOverTokens(Causal):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - x.mean(1, keepdim=True))


class ShiftedTheWrongWay(Causal):
    """Every token meets the next one instead of the one before."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x + F.pad(x[:, 1:], (0, 0, 0, 1)))


class SequenceExpectedFirst(nn.Module):
    """batch_first was forgotten: samples attend to samples."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(EMBED_DIM, NUM_HEADS)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x, need_weights=False)[0]  # AP107


class SoftmaxOverSamples(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        weights = (query @ key.mT / HEAD_DIM**0.5).softmax(0)  # AP107
        return self.merged(weights @ value)


class PermutedToBatch(Projections):
    """[B, S, H, D] permuted to [H, S, B, D]: the kernel takes samples for tokens."""

    def forward(self, x: Tensor) -> Tensor:
        shape = (*x.shape[:2], NUM_HEADS, HEAD_DIM)
        query, key, value = (
            p(x).view(shape).permute(2, 1, 0, 3) for p in (self.q_proj, self.k_proj, self.v_proj)
        )
        output = F.scaled_dot_product_attention(query, key, value)  # AP107
        return self.o_proj(output.permute(2, 1, 0, 3).flatten(2))


class SamplesAsTokens(Projections):
    """One long sequence of all samples: which rows are whose cannot be told, so the model is named."""

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (p(x).flatten(0, 1) for p in (self.q_proj, self.k_proj, self.v_proj))
        weights = torch.softmax(query @ key.mT / EMBED_DIM**0.5, dim=-1)
        return self.o_proj((weights @ value).view(x.shape))


class CentredOverSamples(Projections):
    def forward(self, x: Tensor) -> Tensor:
        return self.merged(F.scaled_dot_product_attention(*self.heads(x - x.mean(0))))


class NormalisedOverSamples(Projections):
    """F.normalize with the wrong dim."""

    def forward(self, x: Tensor) -> Tensor:
        return self.merged(F.scaled_dot_product_attention(*self.heads(F.normalize(x, dim=0))))


CASES = {
    "one_too_many": Case(OneTooMany, causal=True),
    "one_too_many_undeclared": Case(OneTooMany),
    "forgotten_in_one_layer": Case(Forgotten, lambda: Text(Causal(), Forgotten(), Causal())),
    "forgotten_everywhere": Case(Forgotten, causal=True),
    "turned_round": Case(TurnedRound, causal=True),
    "window_on_both_sides": Case(WindowOnBothSides, lambda: Text(Causal(), WindowOnBothSides(), Causal())),
    "looks_ahead": Case(LooksAhead, of_model=("AP116",)),
    "normalised_over_tokens": Case(NormalisedOverTokens, of_model=("AP116",)),
    "sequence_expected_first": Case(SequenceExpectedFirst),
    "shifted_the_wrong_way": Case(ShiftedTheWrongWay, of_model=("AP116",)),
    "permuted_to_batch": Case(PermutedToBatch),
    "normalised_over_samples": Case(NormalisedOverSamples, of_model=("AP117",)),
    "softmax_over_samples": Case(SoftmaxOverSamples),
    "samples_as_tokens": Case(SamplesAsTokens, of_model=("AP117",)),
    "centred_over_samples": Case(CentredOverSamples, of_model=("AP117",)),
}
