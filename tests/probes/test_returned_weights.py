"""Weights that are prepared for nobody."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from attnprobe.probes.returned_weights import probe
from tests.probes.written_attention import (
    EMBED_DIM,
    NUM_HEADS,
    Attention,
    by_hand,
    fused,
    result_of,
    tokens,
    values,
)


class Layer(nn.Module):
    """nn.MultiheadAttention with a caller who drops, returns, uses or keeps the weights."""

    def __init__(self, fate: str) -> None:
        super().__init__()
        self.fate = fate
        self.attention = nn.MultiheadAttention(EMBED_DIM, NUM_HEADS, batch_first=True)
        self.last: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        output, weights = self.attention(x, x, x, need_weights=self.fate != "not asked for")
        self.last = weights if self.fate == "kept" else None
        if self.fate == "returned":
            return x + output, weights
        return x + output + (weights.sum(-1, keepdim=True) if self.fate == "used" else 0)


@pytest.mark.parametrize(
    ("fate", "expected"), [("dropped", 1), ("returned", 0), ("used", 0), ("kept", 0), ("not asked for", 0)]
)
def test_only_weights_that_nobody_reads_are_a_waste(fate: str, expected: int) -> None:
    assert values(result_of(probe, Layer(fate)), "unused_weights_returned") == [expected]


@pytest.mark.parametrize("backward", [False, True])
def test_what_autograd_saves_is_no_reader(backward: bool) -> None:
    result = result_of(probe, Attention(by_hand), tokens(), backward=backward)
    assert values(result, "unused_weights_returned") == [0]


def test_a_fused_kernel_hands_out_no_weights() -> None:
    torch.manual_seed(0)
    assert values(result_of(probe, Attention(fused)), "unused_weights_returned") == [0]
