"""Along which axes an image model attends."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from attnprobe.probes.attended_axes import LABELS, probe
from tests.probes.written_attention import Attention, fused, result_of, total, values


class Squeeze(nn.Module):
    """One weight per channel, from its mean over the plane (SE)."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(8, 2), nn.Linear(2, 8)

    def forward(self, x: Tensor) -> Tensor:  # [B, C, H, W]
        weights = torch.sigmoid(self.up(torch.relu(self.down(x.mean((2, 3))))))
        return x * weights[:, :, None, None]


class Places(nn.Module):
    """One weight per place, from the mean and the largest channel (CBAM)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        pooled = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)
        return x * torch.sigmoid(self.conv(pooled))


class Network(nn.Module):
    """A convolution and some attentions behind it."""

    def __init__(self, *attentions: nn.Module) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.attentions = nn.Sequential(*attentions)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.attentions(torch.relu(self.conv(x)))
        return output


@pytest.mark.parametrize(
    ("attentions", "axes", "expected"),
    [
        ([Squeeze()], [1], "channels"),
        ([Places()], [0], "places"),
        ([Squeeze(), Places()], [1, 0], "both"),
    ],
)
def test_channels_and_places_are_told_apart(
    attentions: list[nn.Module], axes: list[int], expected: str
) -> None:
    result = result_of(probe, Network(*attentions), torch.randn(2, 3, 6, 6))
    assert values(result, "attended_axis") == axes
    assert LABELS[total(result, "attended_axes")] == expected


def test_tokens_are_no_image() -> None:
    result = result_of(probe, Attention(fused))
    assert LABELS[total(result, "attended_axes")] == "no_image"
    assert ["no input is an image" in m.reason for m in result.not_measured] == [True]
