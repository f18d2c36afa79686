"""Scores that are scaled, in one way or another."""

from __future__ import annotations

import math

import torch
from checking.correctness_cases import EMBED_DIM, HEAD_DIM, NUM_HEADS, Case, Projections, Text
from torch import Tensor, nn
from torch.nn import functional as F


class ScaledQuery(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        query = query / math.sqrt(HEAD_DIM)
        return self.merged((query @ key.mT).softmax(-1) @ value)


class ScaledBothSides(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (t * HEAD_DIM**-0.25 for t in self.heads(x))
        return self.merged((query @ key.mT).softmax(-1) @ (value * HEAD_DIM**0.25))


class ScaleInBuffer(Projections):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor(HEAD_DIM).sqrt())

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        return self.merged((query @ key.mT / self.scale).softmax(-1) @ value)


class ScaledInProduct(Projections):
    """baddbmm with alpha: the scale is an argument of the product."""

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (t.flatten(0, 1) for t in self.heads(x))
        bias = -0.1 * torch.arange(x.shape[1]).float().expand(len(query), x.shape[1], -1)
        scores = torch.baddbmm(bias, query, key.mT, alpha=HEAD_DIM**-0.5)
        output = torch.bmm(scores.softmax(-1), value)
        return self.merged(output.view(-1, NUM_HEADS, *output.shape[1:]))


class LearnedTemperature(Projections):
    """Cosine attention: starts at a temperature of 10, not at 1/√D (Liu et al. 2022, arXiv:2111.09883)."""

    def __init__(self) -> None:
        super().__init__()
        self.temperature = nn.Parameter(torch.full((NUM_HEADS, 1, 1), 10.0))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        scores = F.normalize(query, dim=-1) @ F.normalize(key, dim=-1).mT * self.temperature
        return self.merged(scores.softmax(-1) @ value)


class LearnedScalar(Projections):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        return self.merged((query @ key.mT * self.scale).softmax(-1) @ value)


class NormalisedQueryAndKey(Projections):
    """QK-norm without a further scale (Dehghani et al. 2023, arXiv:2302.05442, has one)."""

    def __init__(self) -> None:
        super().__init__()
        self.q_norm, self.k_norm = nn.RMSNorm(HEAD_DIM), nn.LayerNorm(HEAD_DIM)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        return self.merged((self.q_norm(query) @ self.k_norm(key).mT).softmax(-1) @ value)


class SoftCapped(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        scores = 5 * torch.tanh(query @ key.mT / 5)
        return self.merged(scores.softmax(-1) @ value)


class FoldedIntoWeights(Projections):
    """As T5 does it."""

    def __init__(self) -> None:
        super().__init__()
        nn.init.normal_(self.q_proj.weight, std=(EMBED_DIM * HEAD_DIM) ** -0.5)
        nn.init.normal_(self.k_proj.weight, std=EMBED_DIM**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        return self.merged((query @ key.mT).softmax(-1) @ value)


class SmallWeights(Projections):
    """A standard deviation of .02 at a small width: scores are tiny, scaled or not."""

    def __init__(self) -> None:
        super().__init__()
        nn.init.normal_(self.q_proj.weight, std=0.02)
        nn.init.normal_(self.k_proj.weight, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        return self.merged((query @ key.mT).softmax(-1) @ value)


class Multihead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(EMBED_DIM, NUM_HEADS, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x, need_weights=False)[0]


class Sigmoid(Projections):
    """Ramapuram et al. 2024, arXiv:2409.04431: a bias of -log S in place of a sum."""

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        scores = query @ key.mT - math.log(x.shape[1])
        return self.merged(scores.sigmoid() @ value)


class WeightNormed(Projections):
    """The scale lies in weights that are computed."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj = nn.utils.parametrizations.weight_norm(self.q_proj)
        self.k_proj = nn.utils.parametrizations.weight_norm(self.k_proj)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        return self.merged((query @ key.mT).softmax(-1) @ value)


class NonLocal(nn.Module):
    """Embedded Gaussian without a scale, as published (Wang et al. 2018, arXiv:1711.07971)."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 32, 3, padding=1)
        self.q_conv, self.k_conv, self.v_conv = (nn.Conv2d(32, 16, 1) for _ in range(3))
        self.output = nn.Conv2d(16, 32, 1)

    def forward(self, images: Tensor) -> Tensor:
        x = self.first(images)
        query, key, value = (conv(x).flatten(2) for conv in (self.q_conv, self.k_conv, self.v_conv))
        weights = torch.softmax(query.mT @ key, dim=-1)
        return x + self.output((value @ weights.mT).unflatten(2, x.shape[2:]))


class Trained(Projections):
    """Rows of unlike sizes, as training leaves them."""

    def __init__(self) -> None:
        super().__init__()
        with torch.no_grad():
            for projection in (self.q_proj, self.k_proj):
                projection.weight *= torch.linspace(0.2, 2.0, EMBED_DIM)[:, None]

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        return self.merged((query @ key.mT).softmax(-1) @ value)


class DotProductOfStates(nn.Module):
    """Luong et al. 2015, arXiv:1508.04025: states of two recurrent networks, nothing is projected."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(50, EMBED_DIM)
        self.encoder = nn.GRU(EMBED_DIM, EMBED_DIM, batch_first=True)
        self.decoder = nn.GRU(EMBED_DIM, EMBED_DIM, batch_first=True)
        self.head = nn.Linear(2 * EMBED_DIM, 50)

    def forward(self, ids: Tensor) -> Tensor:
        memory, state = self.encoder(self.tokens(ids))
        states, _ = self.decoder(self.tokens(ids), state)
        weights = torch.softmax(states @ memory.mT, dim=-1)
        return self.head(torch.cat([states, weights @ memory], -1))


def images() -> Tensor:
    return torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


CASES = {
    "scaled_query": Case(ScaledQuery),
    "scaled_both_sides": Case(ScaledBothSides),
    "scale_in_buffer": Case(ScaleInBuffer),
    "scaled_in_product": Case(ScaledInProduct),
    "learned_temperature": Case(LearnedTemperature),
    "learned_scalar": Case(LearnedScalar),
    "normalised_query_and_key": Case(NormalisedQueryAndKey),
    "soft_capped": Case(SoftCapped),
    "folded_into_weights": Case(FoldedIntoWeights),
    "small_weights": Case(SmallWeights),
    "multihead": Case(Multihead),
    "sigmoid": Case(Sigmoid),
    "weight_normed": Case(WeightNormed),
    "non_local": Case(NonLocal, NonLocal, images),
    "trained": Case(Trained),
    "states": Case(DotProductOfStates, DotProductOfStates),
    "one_layer": Case(ScaledQuery, lambda: Text(ScaledQuery())),
}
