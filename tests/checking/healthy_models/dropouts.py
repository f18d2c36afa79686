"""Randomness that rests in evaluation mode, or is meant."""

from __future__ import annotations

import torch
from checking.correctness_cases import EMBED_DIM, HEAD_DIM, NUM_HEADS, Case, Projections, Text
from torch import Tensor, nn
from torch.nn import functional as F


class Rests(Projections):
    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        weights = F.dropout((query @ key.mT / HEAD_DIM**0.5).softmax(-1), 0.5, self.training)
        return self.dropout(self.merged(weights @ value))


class KernelRests(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        p = 0.5 if self.training else 0.0
        return self.merged(F.scaled_dot_product_attention(query, key, value, dropout_p=p))


class Multihead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(EMBED_DIM, NUM_HEADS, dropout=0.5, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x)[0]


class Sampling(nn.Module):
    """A variational autoencoder: it draws its code in evaluation mode too (arXiv:1312.6114)."""

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.spread = nn.Linear(EMBED_DIM, EMBED_DIM), nn.Linear(EMBED_DIM, EMBED_DIM)
        self.attention = KernelRests()

    def forward(self, x: Tensor) -> Tensor:
        code = self.mean(x) + torch.randn_like(x) * self.spread(x).exp()
        return self.attention(code)


class RandomFeatures(Projections):
    """Performers redraw their features (Choromanski et al. 2021, arXiv:2009.14794)."""

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (t / HEAD_DIM**0.25 for t in self.heads(x))
        directions = torch.randn(32, HEAD_DIM)
        query, key = (
            torch.exp(t @ directions.mT - t.square().sum(-1, keepdim=True) / 2) for t in (query, key)
        )
        state = key.mT @ value
        return self.merged((query @ state) / (query @ key.sum(-2)[..., None]))


class TextOfSamples(Text):
    def __init__(self) -> None:
        super().__init__(Sampling(), Sampling())


CASES = {
    "rests": Case(Rests),
    "while_training": Case(Rests, train=True),
    "kernel_rests": Case(KernelRests),
    "multihead": Case(Multihead),
    "sampling": Case(Sampling, TextOfSamples),
    "random_features": Case(RandomFeatures),
}
