"""Facts about Hedgehog."""

from __future__ import annotations

import math

import pytest
import torch

from attnprobe.attention import Mask
from attnprobe.attention.hedgehog import Hedgehog
from attnprobe.attention.sdpa import Sdpa
from attnprobe.errors import ShapeError
from attnprobe.testing import assert_core_conforms


def test_it_keeps_its_word() -> None:
    assert_core_conforms(Hedgehog(num_heads=4, head_dim=8))


def test_the_untaught_map_is_a_softmax_of_x_and_minus_x() -> None:
    # φ(ln 2) = [2, 1/2] / 2.5 = [0.8, 0.2], φ(-ln 2) = [0.2, 0.8]: weights 0.68 and 0.32.
    log = math.log(2)
    query, key = torch.full((1, 1, 1, 1), log), torch.tensor([log, -log])[None, None, :, None]
    out = Hedgehog(1, 1)(query, key, torch.tensor([1.0, 0.0])[None, None, :, None])
    assert out.item() == pytest.approx(0.68, abs=1e-6)


def test_the_map_can_be_taught_by_full_attention() -> None:
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(2, 2, 32, 8, generator=generator) for _ in range(3))
    core, mask = Hedgehog(2, 8), Mask(is_causal=True)
    target = Sdpa()(query, key, value, mask)
    optimizer = torch.optim.Adam(core.parameters(), lr=0.03)
    losses = []
    for _ in range(60):
        loss = (core(query, key, value, mask) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 3


def test_other_heads_than_it_was_made_for_are_refused() -> None:
    x = torch.ones(1, 2, 3, 8)
    with pytest.raises(ShapeError, match="4 heads of width 8; got 2 of width 8"):
        Hedgehog(4, 8)(x, x, x)
