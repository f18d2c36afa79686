"""Where a block is normalised, read from the graph of real models."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import attnprobe
from attnprobe.probes.norm_placement import PLACES


class Block(nn.Module):
    """One head round which a normalisation stands here or there, and a scale of the branch."""

    def __init__(self, place: str, scale: Any = None) -> None:
        super().__init__()
        self.place, self.scale = place, scale
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(8, 8) for _ in range(4))
        self.norm, self.second = nn.LayerNorm(8), nn.LayerNorm(8)
        self.head = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        read = self.norm(x) if self.place in ("pre", "both") else x
        query, key, value = (part(read)[:, None] for part in (self.q_proj, self.k_proj, self.v_proj))
        branch = self.o_proj(nn.functional.scaled_dot_product_attention(query, key, value)[:, 0])
        if self.scale is not None:
            branch = branch * self.scale
        if self.place == "both":
            branch = self.second(branch)
        total = x + branch
        return self.head(self.second(total) if self.place == "post" else total)


def found(block: Block) -> dict[str, float | None]:
    scan = attnprobe.scan(block.eval(), torch.randn(2, 5, 8), probes=("norm_placement",), device="cpu")
    (site,) = scan.sites
    return dict(site.metrics)


@pytest.mark.parametrize("place", PLACES)
def test_each_placement_has_its_label(place: str) -> None:
    assert found(Block(place)) == {"norm_placement": PLACES.index(place), "has_scaled_residual": 0}


@pytest.mark.parametrize("scale", [0.5, nn.Parameter(torch.full((8,), 0.1))])
def test_a_branch_times_a_number_or_a_parameter_is_scaled(scale: Any) -> None:
    assert found(Block("pre", scale))["has_scaled_residual"] == 1


def test_a_branch_times_data_is_no_scaled_one() -> None:
    class Gated(Block):
        def forward(self, x: Tensor) -> Tensor:
            self.scale = torch.sigmoid(x)
            return super().forward(x)

    assert found(Gated("pre"))["has_scaled_residual"] == 0
