"""Heads that are mixed after the softmax are no attention of their own."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from tracing_of import only_site


class ReAttention(nn.Module):
    """Zhou et al. 2021, arXiv:2103.11886: the heads' maps times a bare matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.mixing = nn.Linear(32, 96), nn.Parameter(torch.randn(4, 4))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.qkv(x).unflatten(2, (3, 4, 8)).permute(2, 0, 3, 1, 4)
        weights = (query @ key.mT / 8**0.5).softmax(-1)
        weights = torch.einsum("bhij,hg->bgij", weights, self.mixing)
        return weights @ value


def test_a_matrix_over_the_heads_makes_talking_heads() -> None:
    site = only_site(ReAttention(), torch.randn(2, 6, 32))
    assert (site.mechanism, site.role, site.normaliser) == ("talking_heads", "self", "softmax")
    assert (site.num_heads, site.q_len, site.kv_len, site.head_dim, site.value_dim) == (4, 6, 6, 8, 8)
