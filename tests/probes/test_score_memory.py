"""Scores kept for the backward pass: 2 samples, 4 heads, 16 x 16 scores of 4 bytes are 8,192 bytes."""

from __future__ import annotations

import torch
from torch import Tensor

from attnprobe.probes.score_memory import probe
from tests.probes.written_attention import Attention, by_hand, fused, result_of, tokens, total, values

MATRIX = 2 * 4 * 16 * 16 * 4
TOKENS = 2 * 16 * 32 * 4  # one tensor [2, 16, 32]


def masked(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    hidden = torch.ones(16, 16, dtype=torch.bool).triu(1)
    return torch.softmax((query @ key.mT).masked_fill(hidden, float("-inf")), dim=-1) @ value


def test_a_softmax_keeps_its_probabilities_and_nothing_else() -> None:
    result = result_of(probe, Attention(by_hand), tokens(), backward=True)
    assert values(result, "saved_score_bytes") == [MATRIX]
    assert total(result, "saved_score_bytes") == MATRIX


def test_masked_scores_are_let_go_of() -> None:
    assert values(result_of(probe, Attention(masked), tokens(), backward=True), "saved_score_bytes") == [
        MATRIX
    ]


def test_a_fused_kernel_keeps_none() -> None:
    result = result_of(probe, Attention(fused), tokens(), backward=True)
    assert values(result, "saved_score_bytes") == [0]
    assert values(result, "saved_score_share") == [0]


def test_the_share_is_of_what_the_site_keeps() -> None:
    """Kept besides: scaled queries and keys, values (copies in the layout of bmm), the merged heads, and for
    the model the sum with x is its output, which counts nowhere."""
    result = result_of(probe, Attention(by_hand), tokens(), backward=True)
    (share,) = values(result, "saved_score_share")
    others = MATRIX / share - MATRIX
    assert others % TOKENS == 0
    assert 3 <= others / TOKENS <= 6  # projected thrice at least, and copies of them


def test_without_a_backward_pass_nothing_is_kept() -> None:
    result = result_of(probe, Attention(by_hand))
    assert result.measurements == ()
    assert {m.reason for m in result.not_measured} == {"the scan ran no backward pass"}
