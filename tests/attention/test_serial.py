"""Attentions one after another."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from attnprobe.attention import (
    Attention,
    Cbam,
    EfficientChannel,
    External,
    Mask,
    Sdpa,
    Serial,
    SlidingWindow,
    SqueezeExcitation,
)
from attnprobe.errors import MaskError, UsageError
from attnprobe.testing import assert_module_conforms


def _x(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("init", ["zero", "default"])
def test_at_first_it_is_exactly_its_first_stage(init: str) -> None:
    residual = "plain" if init == "zero" else "scaled"
    first, x = Attention(32, 4), _x(2, 9, 32)
    layer = Serial([first, SlidingWindow(3), Sdpa()], 32, 4, init=init, residual=residual)  # type: ignore[arg-type]
    assert (layer(x) - first(x)).abs().max() == 0


def test_it_equals_its_stages_one_after_another() -> None:
    layer, x = Serial([Sdpa(), SlidingWindow(3)], 32, 4, init="xavier"), _x(2, 9, 32)
    first, second = layer.stages
    inner = first(x)
    torch.testing.assert_close(layer(x), inner + second(F.layer_norm(inner, (32,))))


def test_without_residuals_the_second_stage_reads_the_first() -> None:
    layer = Serial([Sdpa(), External(32, 4)], 32, 4, residual="none", norm="none", init="default")
    first, second = layer.stages
    x = _x(2, 9, 32)
    torch.testing.assert_close(layer(x), second(first(x)))


def test_it_conforms() -> None:
    assert_module_conforms(Serial([Sdpa(), SlidingWindow(8)], 32, 4), lengths=(1, 21))
    layer = Serial([Sdpa(), SlidingWindow(8)], 32, 4, residual="scaled", norm="sandwich", init="xavier")
    assert_module_conforms(layer, lengths=(7,))


def test_channel_then_place_on_maps() -> None:
    stages = [SqueezeExcitation(16), EfficientChannel(16), Cbam(16)]
    layer, x = Serial(stages, 0, residual="none", norm="none", init="default"), _x(2, 16, 5, 5)
    torch.testing.assert_close(layer(x), stages[2](stages[1](stages[0](x))))


def test_stages_are_copies() -> None:
    given = Attention(16, 2)
    layer = Serial([given, given], 16)
    assert given.o_proj.weight.any()
    assert not layer.stages[1].o_proj.weight.any()  # type: ignore[union-attr]


def test_what_a_stage_cannot_honour_is_refused() -> None:
    layer = Serial([Sdpa(), External(16)], 16, 2)
    with pytest.raises(MaskError, match="causal"):
        layer(_x(1, 5, 16), mask=Mask(is_causal=True))
    with pytest.raises(MaskError, match="External cannot decode"):
        layer.new_cache()
    with pytest.raises(UsageError, match="num_heads is needed"):
        Serial([Sdpa()], 16)
    with pytest.raises(UsageError, match="no stages"):
        Serial([], 16)
