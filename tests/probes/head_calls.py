"""Heads handed to a watcher, as the instrumented run would; and small attentions to scan."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attnprobe.observing.calls import AttentionCall, Batch, RowBlock
from attnprobe.records import Subject
from tests.probes.captured import loaded
from tests.probes.hand_traces import Sketch, attention_site, dot_product


def call_of(*, heads: int, width: int = 4, samples: int = 1, **tensors: Any) -> AttentionCall:
    """One call of the only site."""
    core = dot_product(score_ops=(), num_heads=heads, num_kv_heads=heads, head_dim=width, value_dim=width)
    model = loaded(nn.Identity())
    return AttentionCall(
        site=attention_site(core), index=0, batch=Batch(number=0, model=model), samples=samples, **tensors
    )


def block_of(maps: Tensor, visible: Tensor | None = None, valid: Tensor | None = None) -> RowBlock:
    """All rows of maps [N, H, L, S]."""
    samples, _, length, keys = maps.shape
    seen = torch.ones(1, 1, length, keys, dtype=torch.bool) if visible is None else visible
    real = torch.ones(samples, length, dtype=torch.bool) if valid is None else valid
    return RowBlock(torch.arange(length), maps, None, seen, real)


def subject_of(*, heads: int, kv_heads: int = 0, width: int = 4, **watched: Any) -> Subject:
    """A subject with one site "attn" after a run."""
    sketch = Sketch()
    core = dot_product(
        score_ops=(), num_heads=heads, num_kv_heads=kv_heads or heads, head_dim=width, value_dim=width
    )
    sketch.site(core, {})
    subject = sketch.subject()
    subject.watched = watched
    return subject


class Layer(nn.Module):
    """Attention with a residual connection. `packed`: one weight for all; "conv": the same, transposed."""

    def __init__(self, width: int = 24, heads: int = 4, groups: int = 4, packed: str = "no") -> None:
        super().__init__()
        self.heads, self.groups, self.packed, size = heads, groups, packed, width // heads
        rows = (heads + 2 * groups) * size
        if packed == "conv":
            self.weight = nn.Parameter(torch.randn(width, rows) * 0.3)
            self.o_weight = nn.Parameter(torch.randn(width, width) * 0.3)
        elif packed == "rows":
            self.qkv = nn.Linear(width, rows)
        else:
            self.q_proj = nn.Linear(width, width)
            self.k_proj, self.v_proj = (nn.Linear(width, groups * size) for _ in range(2))
        self.o_proj = nn.Linear(width, width)

    def qkv_of(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        size = x.shape[-1] // self.heads
        if self.packed == "no":
            q, k, v = self.q_proj(x), self.k_proj(x), self.v_proj(x)
        else:
            whole = x @ self.weight if self.packed == "conv" else self.qkv(x)
            q, k, v = whole.split([self.heads * size, self.groups * size, self.groups * size], -1)
        return tuple(t.unflatten(-1, (-1, size)).transpose(1, 2) for t in (q, k, v))

    def heads_of(self, x: Tensor) -> Tensor:
        """Outputs of the heads, [B, H, L, D]."""
        q, k, v = self.qkv_of(x)
        return F.scaled_dot_product_attention(q, k, v, enable_gqa=self.groups != self.heads)

    def projected(self, heads: Tensor) -> Tensor:
        flat = heads.transpose(1, 2).flatten(2)
        return flat @ self.o_weight if self.packed == "conv" else self.o_proj(flat)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.projected(self.heads_of(x))


class Plain(Layer):
    """The same by hand."""

    def heads_of(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv_of(x)
        k, v = (t.repeat_interleave(self.heads // self.groups, 1) for t in (k, v))
        return (q @ k.mT * q.shape[-1] ** -0.5).softmax(-1) @ v


class Loop(Layer):
    """The same, one head after another."""

    def heads_of(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv_of(x)
        each = [(q[:, h] @ k[:, h].mT * q.shape[-1] ** -0.5).softmax(-1) @ v[:, h] for h in range(self.heads)]
        return torch.stack(each, 1)
