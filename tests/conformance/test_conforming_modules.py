"""Modules are held against the same checks, by what they say they support."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from attnprobe.attention import Attention, Mask
from attnprobe.testing import assert_module_conforms


class ForgetsPositions(Attention):
    """Turns the tokens of a continuation as if they were the first."""

    def projected(self, x: Tensor, context: Tensor | None, offset: int) -> tuple[Tensor, Tensor, Tensor]:
        return super().projected(x, context, 0)


class Gate(nn.Module):
    """A map of channels, scaled by its mean over the samples if told so."""

    def __init__(self, over_samples: bool) -> None:
        super().__init__()
        self.over_samples = over_samples

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(dim=(0, 2, 3) if self.over_samples else (2, 3), keepdim=True)
        return x * torch.sigmoid(mean)


def turned(query: Tensor, key: Tensor, offset: int) -> tuple[Tensor, Tensor]:
    """Something that depends on positions: features grow by a hundredth of the position."""
    ahead = offset + key.shape[2] - query.shape[2]
    positions = [torch.arange(each.shape[2]).to(each)[:, None] / 100 for each in (query, key)]
    return query + positions[0] + ahead / 100, key * (1 + positions[1] + offset / 100)


def test_a_layer_with_positions_conforms() -> None:
    assert_module_conforms(
        Attention(32, 4, num_kv_heads=2, positions=turned), skip=("padding_length",), lengths=(1, 7)
    )


def test_a_layer_that_loses_its_place_in_decoding_does_not() -> None:
    with pytest.raises(AssertionError, match="decoding: steps of"):
        assert_module_conforms(ForgetsPositions(32, 4, positions=turned), lengths=(7,))


def test_maps_of_other_shapes_are_checked_without_masks() -> None:
    shapes = ((2, 4, 5, 7), (2, 4, 8, 8))
    assert_module_conforms(Gate(over_samples=False), shapes=shapes)
    with pytest.raises(AssertionError, match=r"batching: \[2, 4, 5, 7\], sample 0"):
        assert_module_conforms(Gate(over_samples=True), shapes=shapes)


def test_what_a_module_does_not_declare_must_be_refused() -> None:
    class Swallows(Attention):
        def forward(self, x: Tensor, context: Tensor | None = None, *, mask: Mask = Mask()) -> Tensor:  # type: ignore[override]  # noqa: B008
            return super().forward(x, context)

    with pytest.raises(
        AssertionError, match="refusal: padding is not declared, but a call with it went through"
    ):
        assert_module_conforms(Swallows(32, 4), supports=("bidirectional",), lengths=(7,))
