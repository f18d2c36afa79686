"""A learned sink: one more key per head, of learned score and value zero, takes what a query does not want.

    out_i = sum over j of exp(s_ij) value_j / (exp(sink_h) + sum over j of exp(s_ij))

Cost: that of `Sdpa` with heads wider by one feature. Relieves the first token of being the sink: keeps all
maps, loses their sum of one. With a sink of -30 it starts as plain attention to within exp(-30 - max score),
so nearly exact; then to be trained (retrain).
Source: OpenAI 2025, gpt-oss model card, arXiv:2508.10925 (a learned bias in the softmax's
denominator); Miller 2023, "Attention is off by one", is the sink at 0. Fused here by an extra feature: 1 in
the query, the sink's score in its key.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import Mask
from attnprobe.attention.foundation.plain import plain_scores, repeated
from attnprobe.attention.foundation.scores import wide
from attnprobe.attention.sdpa import Sdpa
from attnprobe.errors import ShapeError


class LearnedSink(Core):
    """Softmax attention that may attend to nothing.

    Args:
        num_heads: Query heads H.
        initial: Score of the sinks at first. 0: an exponential one larger in the denominator.
        dropout: Probability, in training.
    """

    supports: ClassVar[frozenset[str]] = Sdpa.supports
    has_linear_memory: ClassVar[bool] = True

    def __init__(self, num_heads: int, initial: float = -30.0, dropout: float = 0.0) -> None:
        super().__init__()
        self.sink = nn.Parameter(torch.full((num_heads,), initial))
        self.inner = Sdpa(dropout)

    def check(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask) -> None:
        """As every core; and there must be a sink for every head."""
        super().check(query, key, value, mask)
        if query.shape[1] != len(self.sink):
            raise ShapeError(f"LearnedSink: {query.shape[1]} query heads; built for {len(self.sink)}")

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """Fused attention with the sink as first key, and a first query that is cut off again."""
        batch, heads, q_len, _ = query.shape
        sink = (self.sink / scale).to(query.dtype).view(1, heads, 1, 1)
        longer = torch.cat((query, sink.expand(batch, -1, q_len, -1)), dim=-1)
        keys = F.pad(key, (0, 1, 1, 0))
        keys = torch.cat((keys[:, :, :1, :-1], torch.ones_like(keys[:, :, :1, :1])), dim=-1)
        keys = torch.cat((keys, F.pad(key, (0, 1))), dim=2)  # [B, G, 1 + S, D + 1]
        values = F.pad(value, (0, max(keys.shape[3] - value.shape[3], 0), 1, 0))
        widened = _with_sink(mask, q_len, key.shape[2], query.device)
        out = self.inner.attend(F.pad(longer, (0, 0, 1, 0)), keys, values, widened, scale)
        return out[:, :, 1:, : value.shape[3]]

    def reference(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """Softmax over the scores and the sink."""
        scores = wide(plain_scores(query, key, mask, scale))
        sink = self.sink.to(scores.dtype).view(1, -1, 1, 1).expand(*scores.shape[:3], 1)
        weights = torch.softmax(torch.cat((scores, sink), dim=-1), dim=-1)[..., :-1]
        return weights.to(value.dtype) @ repeated(value, query.shape[1])


def _with_sink(mask: Mask, q_len: int, kv_len: int, device: torch.device) -> Mask:
    """For one query and one key more in front, which all queries see."""
    if not mask.parts or (mask.parts == {"causal"} and q_len == kv_len):
        return mask
    visible = mask.visible(q_len, kv_len, device)
    dense = None if visible is None else _framed(visible, kv_len, True)
    return Mask(dense=dense, bias=None if mask.bias is None else _framed(mask.bias, kv_len, 0.0))


def _framed(tensor: Tensor, kv_len: int, fill: float) -> Tensor:
    """[..., L or 1, S or 1] -> [..., 1 + L or 1, 1 + S]."""
    tensor = tensor if tensor.dim() > 1 else tensor[None]
    rows = 0 if tensor.shape[-2] == 1 else 1
    return F.pad(tensor.expand(*tensor.shape[:-1], kv_len), (1, 0, rows, 0), value=fill)


attention = LearnedSink
