"""AP101: nothing scales the scores."""

from __future__ import annotations

import torch
from checking.correctness_cases import EMBED_DIM, HEAD_DIM, NUM_HEADS, Case, Projections, Text
from torch import Tensor, nn
from torch.nn import functional as F


class Matmul(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        scores = query @ key.transpose(-2, -1)  # AP101
        return self.merged(F.softmax(scores, dim=-1) @ value)


class Einsum(Projections):
    def forward(self, x: Tensor) -> Tensor:
        shape = (*x.shape[:2], NUM_HEADS, HEAD_DIM)
        query, key, value = (p(x).view(shape) for p in (self.q_proj, self.k_proj, self.v_proj))
        scores = torch.einsum("bihd,bjhd->bhij", query, key)  # AP101
        weights = torch.softmax(scores, -1)
        return self.o_proj(torch.einsum("bhij,bjhd->bihd", weights, value).reshape(x.shape))


class KernelWithScaleOne(Projections):
    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.heads(x)
        return self.merged(F.scaled_dot_product_attention(query, key, value, scale=1.0))  # AP101


class LoopOverHeads(nn.Module):
    """One module per head, widths of 64: no head is scaled."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.ModuleList(nn.Linear(EMBED_DIM, 3 * 64, bias=False) for _ in range(2))
        self.output = nn.Linear(2 * 64, EMBED_DIM)

    def forward(self, x: Tensor) -> Tensor:
        outputs = []
        for projection in self.qkv:
            query, key, value = projection(x).chunk(3, dim=-1)
            scores = torch.bmm(query, key.mT)  # AP101
            outputs.append(torch.bmm(scores.softmax(-1), value))
        return self.output(torch.cat(outputs, dim=-1))


class RotatedAndBiased(nn.Module):
    """Rotary positions, grouped keys, a linear bias and a mask: all of it, but no scale."""

    def __init__(self) -> None:
        super().__init__()
        self.q_proj = nn.Linear(EMBED_DIM, EMBED_DIM)
        self.kv_proj = nn.Linear(EMBED_DIM, 2 * 2 * HEAD_DIM)
        self.o_proj = nn.Linear(EMBED_DIM, EMBED_DIM)

    def rotated(self, x: Tensor) -> Tensor:
        angles = torch.arange(x.shape[-2])[:, None] / 100 ** (torch.arange(HEAD_DIM // 2) / 8)
        cos, sin = (f(torch.cat([angles, angles], -1)) for f in (torch.cos, torch.sin))
        half = x.chunk(2, -1)
        return x * cos + torch.cat([-half[1], half[0]], -1) * sin

    def forward(self, x: Tensor) -> Tensor:
        batch, length, _ = x.shape
        query = self.q_proj(x).view(batch, length, NUM_HEADS, HEAD_DIM).transpose(1, 2)
        key, value = self.kv_proj(x).view(batch, length, 2, 2, HEAD_DIM).permute(2, 0, 3, 1, 4)
        key, value = (t.repeat_interleave(2, dim=1) for t in (key, value))
        steps = torch.arange(length)
        bias = -0.1 * (steps[:, None] - steps).abs()
        scores = torch.matmul(self.rotated(query), self.rotated(key).mT) + bias  # AP101
        scores = scores.masked_fill(steps[None] > steps[:, None], float("-inf"))
        return self.o_proj((scores.softmax(-1) @ value).transpose(1, 2).reshape(x.shape))


CASES = {
    "matmul": Case(Matmul),
    "einsum": Case(Einsum),
    "kernel_with_scale_one": Case(KernelWithScaleOne),
    "loop_over_heads": Case(LoopOverHeads),
    "rotated_and_biased": Case(RotatedAndBiased),
    "one_layer": Case(Matmul, lambda: Text(Matmul())),
}
