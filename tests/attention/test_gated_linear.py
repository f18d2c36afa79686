"""Facts about gated linear attention."""

from __future__ import annotations

import math

import pytest
import torch

from attnprobe.attention import Mask
from attnprobe.attention.gated_linear import GatedLinear
from attnprobe.attention.recurrent.layer import Tokens
from attnprobe.errors import MaskError, ShapeError
from attnprobe.testing import assert_module_conforms


def test_it_keeps_its_word() -> None:
    # Seeded: where the first token's q · k is near zero, the norm behind it magnifies what bfloat16 rounds.
    torch.manual_seed(0)
    assert_module_conforms(GatedLinear(32, num_heads=4))


@pytest.mark.parametrize("form", [GatedLinear.chunked, GatedLinear.stepped])
def test_a_gate_of_a_half_halves_what_is_held(form: object) -> None:
    one = torch.ones(1, 1, 4, 1, dtype=torch.float64)
    value = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=torch.float64)[None, None, :, None]
    out, matrix = form(Tokens(one, one, value, one * math.log(0.5)), None)  # type: ignore[operator]
    assert out.flatten().tolist() == pytest.approx([1.0, 0.5, 0.25, 0.125], abs=1e-12)
    assert matrix.item() == pytest.approx(0.125, abs=1e-12)


def test_each_feature_of_the_keys_forgets_by_itself() -> None:
    key = torch.ones(1, 1, 2, 2, dtype=torch.float64)
    gate = torch.tensor([0.0, -4.0], dtype=torch.float64).expand(1, 1, 2, 2)
    _, matrix = GatedLinear.chunked(Tokens(key, key, key, gate), None)
    assert matrix[0, 0, :, 0].tolist() == pytest.approx([2.0, 1 + math.exp(-4)], abs=1e-12)


@pytest.mark.parametrize("gate", [0.0, -1e-6, -4.0])
def test_the_chunks_agree_with_the_steps_at_the_ends_of_the_gate(gate: float) -> None:
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(1, 2, 100, 8, generator=generator) for _ in range(3))
    tokens = Tokens(query, key, value, torch.full((1, 2, 100, 8), gate))
    expected, _ = GatedLinear.stepped(Tokens(*(each.double() for each in tokens)), None)
    out, _ = GatedLinear.chunked(tokens, None)
    assert (out - expected).abs().max() < 1e-5 * expected.abs().max()


def test_gates_are_never_below_their_floor() -> None:
    layer = GatedLinear(16, 2, temperature=1.0)
    gate = layer.tokens(1e4 * torch.randn(1, 30, 16), None).gate
    assert gate.min().item() == -4.0
    assert gate.max().item() <= 0.0


def test_what_is_not_causal_is_refused() -> None:
    with pytest.raises(MaskError, match="bidirectional"):
        GatedLinear(16, 2)(torch.ones(1, 3, 16))


def test_a_context_is_refused() -> None:
    x = torch.ones(1, 3, 16)
    layer = GatedLinear(16, 2)
    with pytest.raises(MaskError, match="cross"):
        layer(x, x, mask=Mask(is_causal=True))
    with pytest.raises(MaskError, match="cross-attention"):
        layer(x, x, cache=layer.new_cache())


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(ShapeError, match="no multiple"):
        GatedLinear(16, 3)


def test_it_trains_under_autocast() -> None:
    layer = GatedLinear(16, 2)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(torch.randn(2, 40, 16), mask=Mask(is_causal=True))
    out.float().square().sum().backward()
    assert all(each.grad is not None and each.grad.isfinite().all() for each in layer.parameters())
