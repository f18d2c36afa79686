"""Weights that are all there, in unusual places."""

from __future__ import annotations

import torch
from checking.correctness_cases import EMBED_DIM, HEAD_DIM, NUM_HEADS, Case, Projections, Text
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint


class ListOfParameters(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        shape = (EMBED_DIM, NUM_HEADS, HEAD_DIM)
        self.weights = nn.ParameterList(nn.Parameter(torch.randn(shape) / 8) for _ in range(3))
        self.output = nn.Linear(EMBED_DIM, EMBED_DIM)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (torch.einsum("bse,ehd->bhsd", x, weight) for weight in self.weights)
        return self.output(F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))


class Kernel(Projections):
    def forward(self, x: Tensor) -> Tensor:
        return self.merged(F.scaled_dot_product_attention(*self.heads(x)))


class Adapted(Kernel):
    """Low-rank adapters beside frozen weights."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj.weight.requires_grad_(False)
        self.down, self.up = nn.Parameter(torch.randn(2, EMBED_DIM)), nn.Parameter(torch.randn(EMBED_DIM, 2))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        query = query + (x @ self.down.T @ self.up.T).unflatten(2, (NUM_HEADS, HEAD_DIM)).transpose(1, 2)
        return self.merged(F.scaled_dot_product_attention(query, key, value))


class SpectralNormed(Kernel):
    def __init__(self) -> None:
        super().__init__()
        self.q_proj = nn.utils.parametrizations.spectral_norm(self.q_proj)


class FixedTables(Kernel):
    """Constants in a plain list ask for no gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.tables = [torch.linspace(0.5, 1.5, EMBED_DIM)]

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x * self.tables[0])


class Checkpointed(Kernel):
    def forward(self, x: Tensor) -> Tensor:
        return checkpoint(super().forward, x, use_reentrant=False)


class OfOneModule(nn.Module):
    """The same attention at two places."""

    def __init__(self) -> None:
        super().__init__()
        shared = Kernel()
        self.text = Text(shared, shared)

    def forward(self, ids: Tensor) -> Tensor:
        return self.text(ids)


CASES = {
    "list_of_parameters": Case(ListOfParameters),
    "adapted": Case(Adapted),
    "spectral_normed": Case(SpectralNormed),
    "fixed_tables": Case(FixedTables),
    "checkpointed": Case(Checkpointed),
    "of_one_module": Case(OfOneModule, OfOneModule),
}
