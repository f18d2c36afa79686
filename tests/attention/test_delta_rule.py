"""Facts about the delta rule."""

from __future__ import annotations

import pytest
import torch

from attnprobe.attention import Mask
from attnprobe.attention.delta_rule import DeltaRule
from attnprobe.attention.recurrent.layer import Tokens
from attnprobe.errors import MaskError
from attnprobe.testing import assert_module_conforms


def test_it_keeps_its_word() -> None:
    # Seeded: where the first token's q · k is near zero, the norm behind it magnifies what bfloat16 rounds.
    torch.manual_seed(0)
    assert_module_conforms(DeltaRule(32, num_heads=4))


@pytest.mark.parametrize("form", [DeltaRule.chunked, DeltaRule.stepped])
def test_a_second_value_replaces_the_first_of_the_same_key(form: object) -> None:
    key = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], dtype=torch.float64)[None, None]
    value = torch.tensor([[5.0, 0.0], [6.0, 0.0], [7.0, 0.0]], dtype=torch.float64)[None, None]
    query = torch.tensor([[1.0, 0.0]] * 3, dtype=torch.float64)[None, None]
    strength = torch.tensor([1.0, 1.0, 0.5], dtype=torch.float64)[None, None, :, None]
    out, matrix = form(Tokens(query, key, value, strength), None)  # type: ignore[operator]
    # Key [1, 0] holds 5, still 5 after the other key is written, then half way from 5 to 7.
    assert out[0, 0, :, 0].tolist() == pytest.approx([5.0, 5.0, 6.0], abs=1e-12)
    assert matrix[0, 0, :, 0].tolist() == pytest.approx([6.0, 6.0], abs=1e-12)


def test_the_chunks_agree_with_the_steps_when_all_keys_are_one() -> None:
    # The worst case of the solve: the triangle is full of ones.
    value = torch.randn(1, 1, 300, 4, generator=torch.Generator().manual_seed(0))
    key = torch.full((1, 1, 300, 4), 0.5)
    tokens = Tokens(key, key, value, torch.ones(1, 1, 300, 1))
    out, _ = DeltaRule.chunked(tokens, None)
    # Every value replaces the one before, and the query is the key.
    assert (out - value).abs().max() < 1e-4


def test_keys_have_length_one() -> None:
    key = DeltaRule(16, 2).tokens(torch.randn(1, 5, 16), None).key
    assert torch.allclose(key.norm(dim=-1), torch.ones(1, 2, 5), atol=1e-5)


def test_what_is_not_causal_is_refused() -> None:
    with pytest.raises(MaskError, match="bidirectional"):
        DeltaRule(16, 2)(torch.ones(1, 3, 16))


def test_it_trains_under_autocast() -> None:
    layer = DeltaRule(16, 2)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(torch.randn(2, 70, 16), mask=Mask(is_causal=True))
    out.float().square().sum().backward()
    assert all(each.grad is not None and each.grad.isfinite().all() for each in layer.parameters())
