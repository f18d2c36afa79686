"""AP102: the softmax runs over the queries. AP108: one softmax after another."""

from __future__ import annotations

import torch
from checking.correctness_cases import EMBED_DIM, HEAD_DIM, Case, Projections
from torch import Tensor, nn
from torch.nn import functional as F


class Matmul(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        scores = query @ key.mT * HEAD_DIM**-0.5
        weights = F.softmax(scores, dim=-2)  # AP102
        return self.merged(weights @ value)


class ModuleOverDimOne(Projections):
    """Without heads: [B, L, S] and dim=1."""

    def __init__(self) -> None:
        super().__init__()
        self.softmax = nn.Softmax(dim=1)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.q_proj(x), self.k_proj(x), self.v_proj(x)
        scores = torch.einsum("bid,bjd->bij", query, key) / EMBED_DIM**0.5
        weights = self.softmax(scores)  # AP102
        return self.o_proj(torch.einsum("bij,bjd->bid", weights, value))


class KeysTimesQueries(Projections):
    """Scores [S, L]: the last axis counts queries."""

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x * 1.0)
        scores = (key @ query.mT) / HEAD_DIM**0.5
        weights = torch.softmax(scores, dim=-1)  # AP102
        return self.merged(weights.mT @ value)


class ByHand(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        scores = HEAD_DIM**-0.5 * (query @ key.mT)
        exponentials = (scores - scores.amax(-2, keepdim=True)).exp()
        weights = exponentials / exponentials.sum(-2, keepdim=True)  # AP102
        return self.merged(weights @ value)


class Twice(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        weights = F.softmax(query @ key.mT / HEAD_DIM**0.5, dim=-1)  # AP108
        return self.merged(F.softmax(weights, dim=-1) @ value)


class ModuleAndFunction(Projections):
    def __init__(self) -> None:
        super().__init__()
        self.softmax, self.dropout = nn.Softmax(dim=-1), nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        scores = torch.einsum("bhid,bhjd->bhij", query * HEAD_DIM**-0.5, key)
        probabilities = self.dropout(self.softmax(scores))  # AP108
        return self.merged(torch.einsum("bhij,bhjd->bhid", probabilities.softmax(-1), value))


class LoopTwice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.ModuleList(nn.Linear(EMBED_DIM, 3 * 16) for _ in range(2))
        self.output = nn.Linear(32, EMBED_DIM)

    def head(self, qkv: Tensor) -> Tensor:
        query, key, value = qkv.split(16, dim=-1)
        first = torch.softmax(query.bmm(key.mT) / 4, dim=2)  # AP108
        return torch.softmax(first, dim=2).bmm(value)

    def forward(self, x: Tensor) -> Tensor:
        return self.output(torch.cat([self.head(projection(x)) for projection in self.qkv], -1))


CASES = {
    "matmul": Case(Matmul),
    "module_over_dim_one": Case(ModuleOverDimOne),
    "keys_times_queries": Case(KeysTimesQueries),
    "by_hand": Case(ByHand),
    "twice": Case(Twice),
    "module_and_function": Case(ModuleAndFunction),
    "loop_twice": Case(LoopTwice),
}
