"""Patterns, builds and memory of masks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attnprobe.probes import mask_builds, mask_memory, mask_patterns
from tests.probes.written_attention import (
    NUM_HEADS,
    SEQ_LEN,
    Attention,
    by_hand,
    fused,
    result_of,
    tokens,
    total,
    values,
)

CAUSAL = torch.ones(SEQ_LEN, SEQ_LEN, dtype=torch.bool).tril()
WINDOW = CAUSAL.triu(-3)
HOLED = CAUSAL.clone()
HOLED[9, 4] = False
AS_FLOAT = torch.zeros(SEQ_LEN, SEQ_LEN).masked_fill(~CAUSAL, float("-inf"))


def pattern(module: nn.Module, *args: Any) -> str:
    (value,) = values(result_of(mask_patterns.probe, module, *args), "dense_mask_pattern")
    return mask_patterns.LABELS[value]


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (CAUSAL, "causal"),
        (AS_FLOAT, "causal"),
        (WINDOW, "window"),
        (WINDOW | WINDOW.mT, "window"),
        (HOLED, "other"),
        (torch.ones_like(CAUSAL), "other"),
        (torch.arange(SEQ_LEN * SEQ_LEN).view(SEQ_LEN, SEQ_LEN) % 3 > 0, "other"),
        (AS_FLOAT - torch.arange(SEQ_LEN).float(), "other"),  # a position bias as well
    ],
)
def test_patterns_are_read_from_the_values(mask: Tensor, expected: str) -> None:
    assert pattern(Attention(partial(fused, attn_mask=mask))) == expected


@pytest.mark.parametrize("attend", [fused, partial(fused, is_causal=True), by_hand])
def test_without_a_dense_mask_there_is_no_pattern(attend: Any) -> None:
    assert pattern(Attention(attend)) == "none"


def test_a_mask_beside_a_learned_bias_is_not_a_pattern() -> None:
    def biased(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        scores = query @ key.mT + bias
        return torch.softmax(scores.masked_fill(~CAUSAL, float("-inf")), dim=-1) @ value

    assert pattern(Attention(biased, bias=torch.zeros(NUM_HEADS, SEQ_LEN, SEQ_LEN))) == "other"


class Padded(nn.Module):
    """A mask made from ids, which hides nothing in a batch without padding."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(9, 32)
        self.mask: Tensor | None = None
        self.attention = Attention(self._attend)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return fused(query, key, value, attn_mask=self.mask)

    def forward(self, ids: Tensor) -> Tensor:
        self.mask = (ids != 0)[:, None, None] & CAUSAL
        output: Tensor = self.attention(self.tokens(ids))
        return output


def test_what_a_mask_of_the_data_hides_now_says_nothing_of_other_data() -> None:
    ids = torch.ones(2, SEQ_LEN, dtype=torch.long)
    assert pattern(Padded(), ids) == "other"


class GivenMask(nn.Module):
    """The caller hands over a plane [S, S]."""

    def __init__(self) -> None:
        super().__init__()
        self.mask: Tensor | None = None
        self.attention = Attention(lambda q, k, v: fused(q, k, v, attn_mask=self.mask))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        self.mask = mask
        output: Tensor = self.attention(x)
        return output


def test_a_plane_that_is_an_input_itself_is_read() -> None:
    assert pattern(GivenMask(), tokens(), CAUSAL.clone()) == "causal"


class Stack(nn.Module):
    """Three layers; each gets its mask from `mask_of(layer)`."""

    def __init__(self, mask_of: Callable[[int], Tensor], *, buffers: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Attention(self._attend) for _ in range(3))
        self.mask_of = mask_of
        self.number = 0
        for number in range(3 if buffers else 0):
            self.layers[number].register_buffer("mask", AS_FLOAT.clone())

    def _attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        layer = self.layers[self.number]
        mask = layer.mask if hasattr(layer, "mask") else self.mask_of(self.number)
        self.number = (self.number + 1) % 3
        assert isinstance(mask, Tensor)
        return fused(query, key, value, attn_mask=mask)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


def built_anew(_: int) -> Tensor:
    return torch.ones(SEQ_LEN, SEQ_LEN, dtype=torch.bool).tril()


def test_equal_masks_that_every_layer_builds_are_counted() -> None:
    result = result_of(mask_builds.probe, Stack(built_anew))
    assert values(result, "mask_builds") == [3, 3, 3]
    assert total(result, "mask_builds") == 3


def test_masks_of_different_reach_are_different_masks() -> None:
    result = result_of(mask_builds.probe, Stack(lambda number: built_anew(0).triu(-1 - number)))
    assert values(result, "mask_builds") == [1, 1, 1]


def test_one_mask_for_all_layers_is_built_once() -> None:
    class Shared(Stack):
        def forward(self, x: Tensor) -> Tensor:
            mask = built_anew(0)
            self.mask_of = lambda _: mask
            return super().forward(x)

    assert values(result_of(mask_builds.probe, Shared(built_anew)), "mask_builds") == [1, 1, 1]


def test_buffers_are_not_built() -> None:
    assert values(result_of(mask_builds.probe, Stack(built_anew, buffers=True)), "mask_builds") == [0, 0, 0]


def test_float_buffers_count_at_every_layer_that_has_one() -> None:
    result = result_of(mask_memory.probe, Stack(built_anew, buffers=True))
    assert values(result, "quadratic_mask_bytes") == [16 * 16 * 4] * 3
    assert total(result, "quadratic_mask_bytes") == 3 * 16 * 16 * 4


def test_a_bool_mask_that_is_let_go_of_does_not_count() -> None:
    assert values(result_of(mask_memory.probe, Stack(built_anew)), "quadratic_mask_bytes") == [0, 0, 0]


def test_a_float_mask_that_is_shared_counts_once_for_the_model() -> None:
    class Shared(Stack):
        def forward(self, x: Tensor) -> Tensor:
            mask = torch.zeros(SEQ_LEN, SEQ_LEN).masked_fill(~built_anew(0), float("-inf"))
            self.mask_of = lambda _: mask
            return super().forward(x)

    result = result_of(mask_memory.probe, Shared(built_anew))
    assert values(result, "quadratic_mask_bytes") == [16 * 16 * 4] * 3
    assert total(result, "quadratic_mask_bytes") == 16 * 16 * 4


def test_the_whole_buffer_counts_where_a_part_of_it_is_used() -> None:
    class Long(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("visible", torch.ones(64, 64).tril())
            self.attention = Attention(self._attend)

        def _attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            assert isinstance(self.visible, Tensor)
            scores = (query @ key.mT).masked_fill(self.visible[:SEQ_LEN, :SEQ_LEN] == 0, float("-inf"))
            return torch.softmax(scores, dim=-1) @ value

        def forward(self, x: Tensor) -> Tensor:
            output: Tensor = self.attention(x)
            return output

    assert values(result_of(mask_memory.probe, Long()), "quadratic_mask_bytes") == [64 * 64 * 4]
