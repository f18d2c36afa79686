"""Sums over many tokens do not stop growing in half precision."""

from __future__ import annotations

import pytest
import torch

from attnprobe.attention import Mask, build
from attnprobe.attention.kernelised.precision import quotient


@pytest.mark.parametrize("name", ["linear", "cosformer", "retention"])
@pytest.mark.parametrize("autocast", [False, True])
def test_long_sequences_in_bfloat16_agree_with_float32(name: str, autocast: bool) -> None:
    # A running sum in bfloat16 stops at 256: adding 1 changes it no more.
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.rand(1, 2, 2000, 8, generator=generator) for _ in range(3))
    halves = [each.bfloat16() for each in (query, key, value)]
    core, mask = build(name), Mask(is_causal=True)
    expected = core(*(each.float() for each in halves), mask)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        out = core(*halves, mask)
    assert out.dtype == torch.bfloat16
    assert (out.float() - expected).abs().max() <= 0.01 * expected.abs().max()


def test_nothing_over_nothing_is_zero_without_gradient() -> None:
    numerator = torch.zeros(1, 2, requires_grad=True)
    normaliser = torch.zeros(1, 1, requires_grad=True)
    out = quotient(numerator, normaliser)
    out.sum().backward()
    assert out.tolist() == [[0.0, 0.0]]
    assert numerator.grad is not None
    assert numerator.grad.tolist() == [[0.0, 0.0]]
    assert normaliser.grad is not None
    assert normaliser.grad.tolist() == [[0.0]]
