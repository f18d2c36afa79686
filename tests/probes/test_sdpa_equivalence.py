"""Which hand-written attentions the fused call can stand in for."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attnprobe.probes.sdpa_equivalence import probe
from tests.probes.written_attention import (
    EMBED_DIM,
    HEAD_DIM,
    NUM_HEADS,
    SEQ_LEN,
    Attention,
    by_hand,
    fused,
    result_of,
    values,
)

SCALE = HEAD_DIM**-0.5


def masked(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    hidden = torch.ones(SEQ_LEN, SEQ_LEN, dtype=torch.bool).triu(1)
    scores = (query @ key.mT * SCALE).masked_fill(hidden, float("-inf"))
    return F.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype) @ value


def with_fixed_bias(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    bias = -torch.arange(SEQ_LEN, dtype=torch.float32).expand(SEQ_LEN, SEQ_LEN)
    return torch.softmax(query @ key.mT * SCALE + bias, dim=-1) @ value


def dropped(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return F.dropout(torch.softmax(query @ key.mT * SCALE, dim=-1), 0.1) @ value


def with_learned_bias(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    return torch.softmax(query @ key.mT * SCALE + bias, dim=-1) @ value


def weighed_one_by_one(query: Tensor, key: Tensor, value: Tensor, factor: Tensor) -> Tensor:
    return torch.softmax(query @ key.mT * SCALE * factor, dim=-1) @ value


def soft_capped(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return torch.softmax(50 * torch.tanh(query @ key.mT * SCALE / 50), dim=-1) @ value


def masked_after(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return (torch.softmax(query @ key.mT * SCALE, dim=-1) * torch.ones(SEQ_LEN, SEQ_LEN).tril()) @ value


def over_queries(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return torch.softmax(query @ key.mT * SCALE, dim=-2) @ value


def sigmoid(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return torch.sigmoid(query @ key.mT * SCALE) @ value


@pytest.mark.parametrize("attend", [by_hand, masked, with_fixed_bias, dropped])
def test_scale_masks_fixed_biases_casts_and_dropout_are_what_the_fused_call_does(attend: Any) -> None:
    assert values(result_of(probe, Attention(attend)), "sdpa_equivalent") == [1]


@pytest.mark.parametrize("attend", [soft_capped, masked_after, over_queries, sigmoid, fused])
def test_what_the_fused_call_cannot_do_or_has_done_is_not_equivalent(attend: Any) -> None:
    assert values(result_of(probe, Attention(attend)), "sdpa_equivalent") == [0]


def test_a_learned_bias_would_make_the_fused_kernel_give_up() -> None:
    module = Attention(with_learned_bias, bias=torch.zeros(NUM_HEADS, SEQ_LEN, SEQ_LEN))
    assert values(result_of(probe, module), "sdpa_equivalent") == [0]


def test_a_factor_for_every_score_is_no_scale() -> None:
    module = Attention(weighed_one_by_one, factor=torch.ones(SEQ_LEN, SEQ_LEN))
    assert values(result_of(probe, module), "sdpa_equivalent") == [0]


class Returning(nn.Module):
    """Hands its weights to the caller, who returns them, keeps them or drops them."""

    def __init__(self, fate: str) -> None:
        super().__init__()
        self.fate = fate
        self.attention = Attention(self._attend)
        self.weights: list[Tensor] = []

    def _attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        weights = torch.softmax(query @ key.mT * SCALE, dim=-1)
        self.weights = [weights] if self.fate != "dropped" else []
        return weights @ value

    def forward(self, x: Tensor) -> Any:
        output = self.attention(x)
        weights, self.weights = self.weights, self.weights if self.fate == "kept" else []
        return (output, weights[0]) if self.fate == "returned" else output


@pytest.mark.parametrize(("fate", "expected"), [("dropped", 1), ("returned", 0), ("kept", 0)])
def test_weights_that_somebody_wants_cannot_be_left_to_the_fused_call(fate: str, expected: int) -> None:
    assert values(result_of(probe, Returning(fate)), "sdpa_equivalent") == [expected]


def test_weights_that_the_module_averages_for_its_caller_are_read_elsewhere() -> None:
    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(EMBED_DIM, NUM_HEADS, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            output: Tensor = self.attention(x, x, x)[0]
            return x + output

    assert values(result_of(probe, Layer()), "sdpa_equivalent") == [0]
