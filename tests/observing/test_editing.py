"""Outputs of heads that are written over during a forward pass."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from attnprobe.observing.editing import Editor, head_view
from attnprobe.records import Operand
from tests.probes.captured import capture
from tests.probes.head_calls import Layer, Loop, Plain


def without(layer: Layer, x: Tensor, head: int) -> Tensor:
    """What the model gives when a head gives nothing, computed by hand."""
    heads = layer.heads_of(x).clone()
    heads[:, head] = 0
    return x + layer.projected(heads)


@pytest.mark.parametrize("kind", [Layer, Plain, Loop])
@pytest.mark.parametrize("length", [1, 7])
def test_a_zeroed_head_is_a_head_that_gives_nothing(kind: type[Layer], length: int) -> None:
    torch.manual_seed(0)
    layer, x = kind(), torch.randn(3, length, 24)
    trace = capture(layer, x)
    with torch.no_grad():
        before = layer(x)
        for head in range(4):
            with Editor(trace, {0: [head]}, lambda _site, _head, output: output.zero_()) as editor:
                found = layer(x)
            assert editor.gap == ""
            assert torch.allclose(found, without(layer, x, head), atol=1e-6)
        assert torch.equal(layer(x), before)


@pytest.mark.parametrize("kind", [Layer, Plain])
def test_query_heads_that_share_keys_are_told_apart(kind: type[Layer]) -> None:
    torch.manual_seed(0)
    layer, x = kind(groups=2), torch.randn(2, 5, 24)
    trace = capture(layer, x)
    with torch.no_grad(), Editor(trace, {0: [2]}, lambda _site, _head, output: output.zero_()):
        found = layer(x)
    assert torch.allclose(found, without(layer, x, 2), atol=1e-6)


def test_only_the_named_site_changes() -> None:
    torch.manual_seed(0)
    first, second, x = Layer(), Layer(), torch.randn(2, 5, 24)
    model = nn.Sequential(first, second)
    trace = capture(model, x)
    with torch.no_grad():
        with Editor(trace, {1: [0, 3]}, lambda _site, _head, output: output.zero_()) as editor:
            found = model(x)
        heads = second.heads_of(first(x)).clone()
        heads[:, [0, 3]] = 0
        assert editor.edited == {(1, 0), (1, 3)}
        assert torch.allclose(found, first(x) + second.projected(heads), atol=1e-6)


def test_a_head_that_is_not_there_is_a_gap() -> None:
    layer, x = Layer(), torch.randn(2, 5, 24)
    trace = capture(layer, x)
    with torch.no_grad(), Editor(trace, {0: [7]}, lambda _site, _head, output: output.zero_()) as editor:
        layer(x)
    assert "could not be told" in editor.gap


def test_a_head_is_found_wherever_memory_keeps_it() -> None:
    # [(n 2)(h 3), (l 2), (d 2)] and [(n 2), (l 2), (h 3)(d 2)], numbered in the order of memory
    folded = Operand(0, ((("n", 2), ("h", 3)), (("l", 2),), (("d", 2),)))
    numbers = torch.arange(24.0).view(6, 2, 2)
    assert torch.equal(head_view(numbers, folded, 1), numbers[[1, 4]])
    last = Operand(0, ((("n", 2),), (("l", 2),), (("h", 3), ("d", 2))))
    numbers = torch.arange(24.0).view(2, 2, 6)
    assert torch.equal(head_view(numbers, last, 2), numbers[..., 4:6])
    turned = Operand(0, ((("n", 2),), (("h", 3),), (("d", 2),), (("l", 2),)))
    numbers = torch.arange(24.0).view(2, 3, 2, 2)
    view = head_view(numbers, turned, 0)
    assert torch.equal(view, numbers[:, 0].mT)
    view.zero_()
    assert float(numbers[:, 0].abs().sum()) == 0
