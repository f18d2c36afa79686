"""Attention written in several ways: 2 samples, 16 tokens, 4 heads of width 8."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attnprobe.records import Probe, ProbeResult, ScanOptions, Subject
from tests.probes.captured import capture

BATCH_SIZE, SEQ_LEN, EMBED_DIM, NUM_HEADS = 2, 16, 32, 4
HEAD_DIM = EMBED_DIM // NUM_HEADS

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]  # query, key, value [B, H, S, D] -> [B, H, S, D]


class Attention(nn.Module):
    """Projections round whatever `attend` does, with `parameters` of its own beside them."""

    def __init__(self, attend: Callable[..., Tensor], **parameters: Tensor) -> None:
        super().__init__()
        self.attend = attend
        self.qkv_proj = nn.Linear(EMBED_DIM, 3 * EMBED_DIM)
        self.o_proj = nn.Linear(EMBED_DIM, EMBED_DIM)
        self.extra = nn.ParameterDict({name: nn.Parameter(value) for name, value in parameters.items()})

    def forward(self, x: Tensor) -> Tensor:  # [B, S, E] -> [B, S, E]
        query, key, value = (
            part.unflatten(-1, (NUM_HEADS, HEAD_DIM)).transpose(1, 2)
            for part in self.qkv_proj(x).chunk(3, dim=-1)
        )
        output = self.attend(query, key, value, **self.extra)
        return x + self.o_proj(output.transpose(1, 2).flatten(2))


def by_hand(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    scores = query @ key.transpose(-2, -1) / HEAD_DIM**0.5
    return F.softmax(scores, dim=-1) @ value


def fused(query: Tensor, key: Tensor, value: Tensor, **arguments: Any) -> Tensor:
    return F.scaled_dot_product_attention(query, key, value, **arguments)


def tokens() -> Tensor:
    return torch.randn(BATCH_SIZE, SEQ_LEN, EMBED_DIM, generator=torch.Generator().manual_seed(0))


def result_of(probe: Probe, module: nn.Module, *args: Any, backward: bool = False) -> ProbeResult:
    """What a static probe finds out about one real step of a module."""
    step = capture(module, *(args or (tokens(),)), backward=backward)
    return probe.run(Subject(trace=step, options=ScanOptions(target="model.py")))


def values(result: ProbeResult, metric: str) -> list[Any]:
    """The metric at each site, in order."""
    return [m.value for m in result.measurements if m.metric == metric and m.site]


def total(result: ProbeResult, metric: str) -> Any:
    return next(m.value for m in result.measurements if m.metric == metric and not m.site)
