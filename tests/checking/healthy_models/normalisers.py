"""Softmaxes that sum to one over the keys in the end."""

from __future__ import annotations

import torch
from checking.correctness_cases import EMBED_DIM, HEAD_DIM, NUM_HEADS, Case, Projections, Text
from torch import Tensor, nn


class KeysTimesQueries(Projections):
    """Scores [S, L], and a softmax over the first of the two."""

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        weights = torch.softmax(key @ query.mT / HEAD_DIM**0.5, dim=-2)
        return self.merged(weights.mT @ value)


class Slots(nn.Module):
    """Slots compete for the inputs, then average them (Locatello et al. 2020, arXiv:2006.15055)."""

    def __init__(self) -> None:
        super().__init__()
        self.slots = nn.Parameter(torch.randn(1, 5, EMBED_DIM))
        self.q_proj, self.kv_proj = nn.Linear(EMBED_DIM, EMBED_DIM), nn.Linear(EMBED_DIM, 2 * EMBED_DIM)
        self.tokens = nn.Embedding(50, EMBED_DIM)

    def forward(self, ids: Tensor) -> Tensor:
        key, value = self.kv_proj(self.tokens(ids)).chunk(2, -1)
        query = self.q_proj(self.slots.expand(len(ids), -1, -1))
        weights = torch.softmax(query @ key.mT / EMBED_DIM**0.5, dim=1) + 1e-8
        return (weights / weights.sum(-1, keepdim=True)) @ value


class LogThenSoftmax(Projections):
    """softmax(log_softmax(x)) = softmax(x)."""

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        scores = torch.log_softmax(query @ key.mT / HEAD_DIM**0.5, dim=-1)
        return self.merged(scores.softmax(-1) @ value)


class DoublyStochastic(Projections):
    """Rows and columns in turn (Sander et al. 2022, arXiv:2110.11773)."""

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        weights = (query @ key.mT / HEAD_DIM**0.5).exp()
        for _ in range(3):
            weights = weights / weights.sum(-2, keepdim=True)
            weights = weights / weights.sum(-1, keepdim=True)
        return self.merged(weights @ value)


class ReAttention(Projections):
    """Heads are mixed after the softmax by a bare matrix (Zhou et al. 2021, arXiv:2103.11886)."""

    def __init__(self) -> None:
        super().__init__()
        self.mixing = nn.Parameter(torch.randn(NUM_HEADS, NUM_HEADS))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        weights = (query @ key.mT / HEAD_DIM**0.5).softmax(-1)
        weights = torch.einsum("bhij,hg->bgij", weights, self.mixing)
        return self.merged(weights @ value)


class BothDirections(nn.Module):
    """Two texts attend to each other through the same scores (Seo et al. 2017, arXiv:1611.01603)."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.one, self.other = nn.Embedding(50, EMBED_DIM), *(nn.Linear(64, 64) for _ in "12")

    def forward(self, ids: Tensor) -> Tensor:
        left, right = self.one(self.tokens(ids)), self.other(self.tokens(ids.flip(1)))
        scores = left @ right.mT / EMBED_DIM**0.5
        return torch.cat([scores.softmax(-1) @ right, scores.softmax(-2).mT @ left], -1)


class LastTokenOnly(Projections):
    """One query: a softmax over it would be all ones."""

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        weights = (query[:, :, -1:] @ key.mT / HEAD_DIM**0.5).softmax(-1)
        return x + self.merged(weights @ value)


CASES = {
    "keys_times_queries": Case(KeysTimesQueries),
    "slots": Case(Slots, Slots),
    "log_then_softmax": Case(LogThenSoftmax),
    "doubly_stochastic": Case(DoublyStochastic),
    "re_attention": Case(ReAttention),
    "both_directions": Case(BothDirections, BothDirections),
    "last_token_only": Case(LastTokenOnly, lambda: Text(LastTokenOnly())),
}
