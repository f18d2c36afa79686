"""A stack by a pattern over depth."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from attnprobe.attention import Attention, HybridLayers, Mask, Sdpa, SlidingWindow, SqueezeExcitation
from attnprobe.errors import MaskError, UsageError
from attnprobe.testing import assert_module_conforms

PARTS = {"local": SlidingWindow(8), "full": Sdpa}


def _x(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def test_the_pattern_is_repeated_over_depth() -> None:
    stack = HybridLayers("local local local full", PARTS, 16, 2, depth=10)
    assert stack.pattern == (*("local",) * 3, "full", *("local",) * 3, "full", "local", "local")
    kinds = [type(block.layer.core).__name__ for block in stack.layers]  # type: ignore[union-attr]
    assert kinds == [{"local": "SlidingWindow", "full": "Sdpa"}[name] for name in stack.pattern]


@pytest.mark.parametrize("with_feed_forward", [True, False])
def test_it_equals_its_parts_one_after_another(with_feed_forward: bool) -> None:
    torch.manual_seed(0)
    feed_forward = (lambda: nn.Linear(32, 32)) if with_feed_forward else None
    stack = HybridLayers("local full", PARTS, 32, 4, num_kv_heads=2, feed_forward=feed_forward)
    x, mask = _x(2, 21, 32), Mask(is_causal=True)
    expected = x
    for number, block in enumerate(stack.layers):
        expected = expected + block.layer(F.layer_norm(expected, (32,)), mask=mask)  # type: ignore[operator]
        if with_feed_forward:
            after = stack.feed_forwards[number].layer
            expected = expected + after(F.layer_norm(expected, (32,)))  # type: ignore[operator]
    torch.testing.assert_close(stack(x, mask=mask), expected)


def test_every_layer_has_its_own_weights() -> None:
    stack = HybridLayers("full full", PARTS, 16, 2)
    first, second = (block.layer.q_proj.weight for block in stack.layers)  # type: ignore[union-attr]
    assert not torch.equal(first, second)
    assert len({id(each) for each in stack.parameters()}) == len(list(stack.parameters())) == 2 * (8 + 2)


def test_it_conforms() -> None:
    assert_module_conforms(HybridLayers("local full", PARTS, 32, 4), lengths=(1, 21))
    deep = HybridLayers(
        "local full", PARTS, 32, 4, depth=3, residual="deepnorm", norm="post", init="deepnorm"
    )
    assert_module_conforms(deep, lengths=(7,))


def test_a_stack_that_starts_at_zero_changes_nothing() -> None:
    x = _x(2, 9, 16)
    assert torch.equal(HybridLayers("full full full", PARTS, 16, 2, init="zero")(x), x)


def test_t_fixup_goes_without_normalisation() -> None:
    stack = HybridLayers("full", PARTS, 16, 2, depth=16, norm="none", init="t_fixup")
    bound = 0.335 * (6 / 32) ** 0.5  # uniform within ±√(6 / (fan in + fan out)), times 0.67 · 16^(-1/4)
    values = [block.layer.v_proj.weight for block in stack.layers]  # type: ignore[union-attr]
    assert 0.9 * bound < max(each.abs().max().item() for each in values) <= bound
    with pytest.raises(UsageError, match="without normalisation"):
        HybridLayers("full", PARTS, 16, 2, init="t_fixup")


def test_deep_stacks_keep_their_scale() -> None:
    # With DeepNorm the output of 64 layers is normalised and gradients reach the input.
    torch.manual_seed(0)
    stack = HybridLayers("full", PARTS, 16, 2, depth=64, residual="deepnorm", norm="post", init="deepnorm")
    x = _x(1, 5, 16).requires_grad_()
    out = stack(x)
    assert out.std().item() == pytest.approx(1.0, rel=0.05)
    (out * _x(1, 5, 16)).sum().backward()
    assert x.grad is not None
    assert 1e-3 < x.grad.norm().item() < 1e3


def test_unknown_names_are_errors() -> None:
    with pytest.raises(UsageError, match="no mechanism is named 'global'"):
        HybridLayers("local global", PARTS, 16, 2)
    with pytest.raises(UsageError, match="pattern is empty"):
        HybridLayers("", PARTS, 16, 2)


def test_what_a_layer_cannot_do_is_refused() -> None:
    stack = HybridLayers("full gate", {**PARTS, "gate": SqueezeExcitation(16)}, 16, 2)
    with pytest.raises(MaskError):
        stack(_x(1, 5, 16), mask=Mask(is_causal=True))
    assert Attention(16, 2).supports == HybridLayers("full", PARTS, 16, 2).supports
