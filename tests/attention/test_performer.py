"""Facts about Performer."""

from __future__ import annotations

import pytest
import torch

from attnprobe.attention import Mask
from attnprobe.attention.performer import Performer, orthogonal_features
from attnprobe.attention.sdpa import Sdpa
from attnprobe.errors import ShapeError
from attnprobe.testing import assert_core_conforms


def inputs(length: int = 48, spread: float = 1.0) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(3)
    shape = (2, 4, length, 16)
    return tuple(spread * torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(3))


def error(features: int, is_causal: bool) -> float:
    """Relative to full attention, averaged over draws."""
    query, key, value = inputs(spread=0.5)
    mask = Mask(is_causal=is_causal)
    full = Sdpa()(query, key, value, mask)
    outs = (Performer(features, 16, seed).double()(query, key, value, mask) for seed in range(6))
    return sum(((out - full).norm() / full.norm()).item() for out in outs) / 6


def test_it_keeps_its_word() -> None:
    assert_core_conforms(Performer(24, head_dim=8))


@pytest.mark.parametrize("is_causal", [False, True])
def test_more_features_come_closer_to_full_attention(is_causal: bool) -> None:
    few, more, many = (error(features, is_causal) for features in (16, 256, 4096))
    # The variance falls with the number of features: the error with its root, here by about 4 each time.
    assert many < more / 2 < few / 4
    assert many < 0.1


def test_weights_are_unbiased() -> None:
    # Rows of a QR decomposition as it comes are not spread evenly: weights would be off by up to a fifth.
    generator = torch.Generator().manual_seed(1)
    query, key = (torch.randn(1, 1, 5, 8, generator=generator, dtype=torch.float64) / 2 for _ in range(2))
    core = Performer(100_000, head_dim=8).double()
    logits = (query * 8**-0.25) @ core.projection.mT
    phi = torch.exp(logits - query.square().sum(-1, keepdim=True) * 8**-0.5 / 2)
    mean = phi @ core.key_features(key, 8**-0.5, 0).mT / 100_000
    assert torch.allclose(mean, torch.exp(query @ key.mT * 8**-0.5), rtol=0.02)


def test_rows_of_a_block_are_orthogonal() -> None:
    rows = orthogonal_features(20, 8, seed=0).double()
    products = rows[:8] @ rows[:8].T
    assert (products - products.diag().diag()).abs().max() < 1e-5
    assert rows.shape == (20, 8)


def test_a_long_key_to_come_changes_nothing_before_it() -> None:
    # A maximum over all keys would make the features of all others vanish.
    query, key, value = (each.float() for each in inputs())
    core, mask = Performer(64, 16), Mask(is_causal=True)
    before = core(query, key, value, mask)
    key[:, :, 40] *= 1000
    query[:, :, 40] *= 1000
    assert torch.equal(core(query, key, value, mask)[:, :, :40], before[:, :, :40])


def test_it_stays_finite_with_large_inputs() -> None:
    query, key, value = (each.float().requires_grad_() for each in inputs(spread=30.0))
    out = Performer(64, 16)(query, key, value, Mask(is_causal=True))
    out.sum().backward()
    assert out.isfinite().all()
    assert all(each.grad is not None and each.grad.isfinite().all() for each in (query, key, value))


def test_redrawing_gives_other_features_in_place() -> None:
    core = Performer(16, 8)
    buffer, drawn = core.projection, core.projection.clone()
    core.redraw(1)
    assert core.projection is buffer
    assert not torch.equal(core.projection, drawn)
    core.redraw(0)
    assert torch.equal(core.projection, drawn)


def test_another_width_of_heads_is_refused() -> None:
    with pytest.raises(ShapeError, match="width 64; got 16"):
        Performer()(*(each.float() for each in inputs()))
