"""Softmax attention over a part of the keys, which can be merged with that over the others."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor

from attnprobe.attention.composing.merging import attention_with_log_sum
from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import ALL, Mask
from attnprobe.attention.foundation.plain import plain_attention
from attnprobe.errors import UsageError


class KeySet(Core):
    """Exact attention to those keys that `within` shows and `without` does not.

    A window and what lies beyond it: KeySet(window), KeySet(without=window). Positions are aligned at the
    end, as in every mask, so the two are disjoint at any lengths.

    Args:
        within: Which keys belong to the set.
        without: Which of these do not; None: all do.

    Raises:
        UsageError: No key is left.
    """

    supports: ClassVar[frozenset[str]] = frozenset(
        ("causal", "bidirectional", "cross", "padding", "window", "sinks", "segments", "dense", "bias")
    ) | {"grouped", "decode"}

    def __init__(self, within: Mask = ALL, without: Mask | None = None) -> None:
        super().__init__()
        if without is not None and not without.parts - {"bias"}:
            raise UsageError("KeySet: without all keys, none are left")
        self.within, self.without = within, without

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """In blocks of queries."""
        return self.attend_with_log_sum(query, key, value, mask, scale)[0]

    def attend_with_log_sum(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float
    ) -> tuple[Tensor, Tensor]:
        """[B, H, L, Dv] and the log-sum-exp of the scores, [B, H, L]."""
        return attention_with_log_sum(query, key, value, mask, scale, self._hidden(query, key))

    def reference(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """Full attention behind a dense mask."""
        pairs = self.pairs(query, key)
        dense = pairs if mask.dense is None else mask.dense & pairs
        return plain_attention(query, key, value, replace(mask, dense=dense), scale)

    def pairs(self, query: Tensor, key: Tensor) -> Tensor:
        """Which pairs belong to the set, bool, broadcast to [B, H, L, S]."""
        hidden = self._hidden(query, key)
        shape = query.shape[2], key.shape[2]
        return torch.ones(shape, dtype=torch.bool, device=query.device) if hidden is None else ~hidden

    def _hidden(self, query: Tensor, key: Tensor) -> Tensor | None:
        """Pairs that do not belong to the set."""
        sizes = query.shape[2], key.shape[2]
        within = self.within.visible(*sizes, query.device)
        if self.without is None:
            return None if within is None else ~within
        without = self.without.visible(*sizes, query.device)
        return without if within is None or without is None else without | ~within
