"""A convolutional network with three kinds of attention without tokens: SE, CBAM and ECA.

Sources: Hu et al. 2018, arXiv:1709.01507 (squeeze and excitation); Woo et al. 2018, arXiv:1807.06521 (CBAM);
Wang et al. 2020, arXiv:1910.03151 (ECA).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BATCH_SIZE, IMAGE_SIZE, NUM_CLASSES = 2, 16, 10
CHANNELS, REDUCTION = 16, 4


class SqueezeExcitation(nn.Module):
    """A weight per channel from the channels' averages."""

    def __init__(self) -> None:
        super().__init__()
        self.reduce = nn.Linear(CHANNELS, CHANNELS // REDUCTION)
        self.expand = nn.Linear(CHANNELS // REDUCTION, CHANNELS)

    def forward(self, x: Tensor) -> Tensor:  # [B, C, h, w] -> [B, C, h, w]
        averages = x.mean(dim=(2, 3))
        weights = torch.sigmoid(self.expand(F.relu(self.reduce(averages))))
        return x * weights[:, :, None, None]


class ChannelAttention(nn.Module):
    """CBAM's first half: a weight per channel from the channels' averages and maxima."""

    def __init__(self) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(CHANNELS, CHANNELS // REDUCTION), nn.ReLU(), nn.Linear(CHANNELS // REDUCTION, CHANNELS)
        )

    def forward(self, x: Tensor) -> Tensor:
        weights = torch.sigmoid(self.mlp(x.mean(dim=(2, 3))) + self.mlp(x.amax(dim=(2, 3))))
        return x * weights[:, :, None, None]


class SpatialAttention(nn.Module):
    """CBAM's second half: a weight per position from the average and the maximum over channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, kernel_size=7, padding=3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        summary = torch.cat([x.mean(dim=1, keepdim=True), x.amax(dim=1, keepdim=True)], dim=1)
        return x * torch.sigmoid(self.conv(summary))


class EfficientChannelAttention(nn.Module):
    """A weight per channel from the averages of its neighbours in channel order."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, kernel_size=3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        averages = F.adaptive_avg_pool2d(x, 1)  # [B, C, 1, 1]
        weights = torch.sigmoid(self.conv(averages.squeeze(-1).transpose(1, 2)).transpose(1, 2))
        return x * weights.unsqueeze(-1)


class AttentiveCNN(nn.Module):
    """Three convolutions, each followed by its kind of attention, and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, CHANNELS, kernel_size=3, padding=1, stride=2)
        self.norm1 = nn.BatchNorm2d(CHANNELS)
        self.squeeze_excitation = SqueezeExcitation()
        self.conv2 = nn.Conv2d(CHANNELS, CHANNELS, kernel_size=3, padding=1)
        self.channel_attention = ChannelAttention()
        self.spatial_attention = SpatialAttention()
        self.conv3 = nn.Conv2d(CHANNELS, CHANNELS, kernel_size=3, padding=1)
        self.efficient_attention = EfficientChannelAttention()
        self.head = nn.Linear(CHANNELS, NUM_CLASSES)

    def forward(self, images: Tensor) -> Tensor:  # [B, 3, 16, 16] -> [B, classes]
        x = self.squeeze_excitation(F.relu(self.norm1(self.conv1(images))))  # [B, C, 8, 8]
        x = x + self.spatial_attention(self.channel_attention(F.relu(self.conv2(x))))
        x = x + self.efficient_attention(F.relu(self.conv3(x)))
        return self.head(x.mean(dim=(2, 3)))


def build_model() -> nn.Module:
    """The same weights at every call."""
    torch.manual_seed(0)
    return AttentiveCNN()


def example_inputs() -> Tensor:
    """Random images, [B, 3, 16, 16]."""
    return torch.randn(BATCH_SIZE, 3, IMAGE_SIZE, IMAGE_SIZE, generator=torch.Generator().manual_seed(0))


def loss(outputs: Tensor, inputs: Tensor) -> Tensor:
    """Cross entropy with made-up labels: class 0, class 1, …"""
    return F.cross_entropy(outputs, torch.arange(len(inputs), device=outputs.device))
