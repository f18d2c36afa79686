"""A small vision transformer: patches by a strided convolution, a class token, hand-written attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BATCH_SIZE, IMAGE_SIZE, PATCH_SIZE, CHANNELS = 2, 16, 4, 3
EMBED_DIM, NUM_HEADS, NUM_LAYERS, NUM_CLASSES = 32, 4, 2, 10
NUM_TOKENS = (IMAGE_SIZE // PATCH_SIZE) ** 2 + 1


class Attention(nn.Module):
    """Every patch looks at every patch."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = (EMBED_DIM // NUM_HEADS) ** -0.5
        self.qkv = nn.Linear(EMBED_DIM, 3 * EMBED_DIM)
        self.proj = nn.Linear(EMBED_DIM, EMBED_DIM)

    def forward(self, x: Tensor) -> Tensor:  # [B, S, E] -> [B, S, E]
        batch_size, seq_len, embed_dim = x.shape
        qkv = self.qkv(x).reshape(batch_size, seq_len, 3, NUM_HEADS, embed_dim // NUM_HEADS)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # each [B, H, S, D]
        scores = (query * self.scale) @ key.transpose(-2, -1)  # [B, H, S, S]
        weights = scores.softmax(dim=-1)
        return self.proj((weights @ value).transpose(1, 2).reshape(batch_size, seq_len, embed_dim))


class Block(nn.Module):
    """Attention and feed-forward, each behind a normalisation and beside a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(EMBED_DIM)
        self.attention = Attention()
        self.norm2 = nn.LayerNorm(EMBED_DIM)
        self.feed_forward = nn.Sequential(
            nn.Linear(EMBED_DIM, 4 * EMBED_DIM), nn.GELU(), nn.Linear(4 * EMBED_DIM, EMBED_DIM)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.feed_forward(self.norm2(x))


class ViT(nn.Module):
    """Patches, blocks, and a classifier on the class token."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(CHANNELS, EMBED_DIM, kernel_size=PATCH_SIZE, stride=PATCH_SIZE)
        self.class_token = nn.Parameter(torch.zeros(1, 1, EMBED_DIM))
        self.positions = nn.Parameter(torch.randn(1, NUM_TOKENS, EMBED_DIM) * 0.02)
        self.blocks = nn.Sequential(*(Block() for _ in range(NUM_LAYERS)))
        self.norm = nn.LayerNorm(EMBED_DIM)
        self.head = nn.Linear(EMBED_DIM, NUM_CLASSES)

    def forward(self, images: Tensor) -> Tensor:  # [B, 3, 16, 16] -> [B, classes]
        patches = self.patches(images).flatten(2).transpose(1, 2)  # [B, S - 1, E]
        x = torch.cat([self.class_token.expand(len(images), -1, -1), patches], dim=1) + self.positions
        return self.head(self.norm(self.blocks(x))[:, 0])


def build_model() -> nn.Module:
    """The same weights at every call."""
    torch.manual_seed(0)
    return ViT()


def example_inputs() -> Tensor:
    """Random images, [B, 3, 16, 16]."""
    shape = (BATCH_SIZE, CHANNELS, IMAGE_SIZE, IMAGE_SIZE)
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def loss(outputs: Tensor, inputs: Tensor) -> Tensor:
    """Cross entropy with made-up labels: class 0, class 1, …"""
    return F.cross_entropy(outputs, torch.arange(len(inputs), device=outputs.device))
