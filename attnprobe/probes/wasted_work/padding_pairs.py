"""Pairs of query and key, and those of real tokens."""

from __future__ import annotations

import torch

from attnprobe.observing.calls import AttentionCall
from attnprobe.observing.watcher import Watcher


class PaddingWatcher(Watcher):
    """Counts the pairs that each attention works on."""

    def attention(self, call: AttentionCall) -> None:
        """See `Watcher.attention`."""
        queries, keys = call.query_tokens, call.key_tokens
        known = queries if queries is not None else keys
        if known is None:
            rows = call.samples * call.windows
            pairs = real = float(rows * call.site.q_len * call.site.kv_len)
        else:
            q_len = call.site.q_len if queries is None else queries.shape[1]
            kv_len = call.site.kv_len if keys is None else keys.shape[1]
            real_queries = torch.full((len(known),), q_len) if queries is None else queries.sum(1)
            real_keys = torch.full((len(known),), kv_len) if keys is None else keys.sum(1)
            pairs = float(len(known) * q_len * kv_len)
            real = float((real_queries.cpu().double() * real_keys.cpu().double()).sum())
            self._count(call, "padded", 1.0)
        self._count(call, "pairs", pairs)
        self._count(call, "real", real)

    def _count(self, call: AttentionCall, name: str, value: float) -> None:
        self.sums.add(call.index, name, torch.tensor(value, dtype=torch.float64))
