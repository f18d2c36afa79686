"""A shared memory with double normalisation."""

from __future__ import annotations

from math import log

import pytest
import torch
from torch import nn

from attnprobe.attention import External, Mask
from attnprobe.errors import MaskError, ShapeError
from attnprobe.testing import assert_module_conforms


def _bare(layer: External, keys: list[list[float]], values: list[list[float]]) -> External:
    """Projections that do nothing, memories that are given."""
    with torch.no_grad():
        for projection in (layer.q_proj, layer.o_proj):
            nn.init.eye_(projection.weight)
            nn.init.zeros_(projection.bias)
        layer.key_memory.copy_(torch.tensor(keys))
        layer.value_memory.copy_(torch.tensor(values))
    return layer


def test_it_conforms() -> None:
    assert_module_conforms(External(32, 4, memory_size=16))


def test_weights_are_normalised_over_tokens_then_over_slots() -> None:
    # Scores log [[1, 3], [3, 1], [4, 4]] (tokens by slots); over tokens [[1/8, 3/8], [3/8, 1/8], [1/2, 1/2]];
    # over slots then 1/4 3/4, 3/4 1/4 and 1/2 1/2.
    layer = _bare(External(2, memory_size=2), [[1.0, 0.0], [0.0, 1.0]], [[4.0, 0.0], [0.0, 8.0]])
    x = torch.tensor([[[0.0, log(3)], [log(3), 0.0], [log(4), log(4)]]])
    expected = [[1.0, 6.0], [3.0, 2.0], [2.0, 4.0]]
    torch.testing.assert_close(layer(x), torch.tensor([expected]))


def test_normalising_over_tokens_matters() -> None:
    # Scores log [[1, 1], [1, 9]]: over tokens [[1/2, 1/10], [1/2, 9/10]]; over slots 5/6 1/6 and 5/14 9/14.
    layer = _bare(External(2, memory_size=2), [[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]])
    x = torch.tensor([[[0.0, 0.0], [0.0, log(9)]]])
    torch.testing.assert_close(layer(x), torch.tensor([[[5 / 6, 1 / 6], [5 / 14, 9 / 14]]]))


def test_large_scores_do_not_overflow() -> None:
    layer = _bare(External(2, memory_size=2), [[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]])
    out = layer(torch.tensor([[[1e4, -1e4], [-1e4, 1e4]]]))
    torch.testing.assert_close(out, torch.eye(2)[None])


def test_what_it_cannot_do_is_refused() -> None:
    layer, x = External(8), torch.randn(1, 5, 8)
    with pytest.raises(MaskError, match="causal"):
        layer(x, mask=Mask(is_causal=True))
    with pytest.raises(MaskError, match="cross"):
        layer(x, torch.randn(1, 3, 8))
    with pytest.raises(ShapeError):
        External(9, num_heads=2)
