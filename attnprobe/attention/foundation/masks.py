"""Which keys each query may see."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from attnprobe.errors import ShapeError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mask:
    """Conditions on pairs of query and key; all of them hold together. True: the query may see the key.

    Query i of L stands at key position S - L + i: both sequences end together, as in decoding with a cache.
    A query that sees no key gives zero, and gets no gradient.
    """

    is_causal: bool = False  # no key later than the query
    window: tuple[int | None, int | None] | None = (
        None  # keys to the left, to the right, inclusive; None: all
    )
    sinks: int = 0  # the first so many keys are seen beyond the window; not beyond `is_causal`
    padding: Tensor | None = None  # bool [B, S], True: a real key
    segments: Tensor | None = None  # int [B, S]: packed sequences see themselves alone; L == S
    dense: Tensor | None = None  # bool, broadcast to [B, H, L, S]
    bias: Tensor | None = None  # floating, added to the scores, broadcast to [B, H, L, S]

    @property
    def parts(self) -> frozenset[str]:
        """Which conditions are set: "causal", "window", "sinks", "padding", "segments", "dense", "bias"."""
        set_ones = {
            "causal": self.is_causal,
            "window": self.window is not None,
            "sinks": self.sinks > 0,
            "padding": self.padding is not None,
            "segments": self.segments is not None,
            "dense": self.dense is not None,
            "bias": self.bias is not None,
        }
        return frozenset(name for name, is_set in set_ones.items() if is_set)

    def visible(self, q_len: int, kv_len: int, device: torch.device | str | None = None) -> Tensor | None:
        """All conditions but the bias as one bool tensor, broadcast to [B, H, L, S]; None: all is seen."""
        found: Tensor | None = None
        for part in (self._positions(q_len, kv_len, device), *self._tensors(q_len, kv_len)):
            if part is not None:
                found = part if found is None else found & part
        return found

    def _positions(self, q_len: int, kv_len: int, device: torch.device | str | None) -> Tensor | None:
        """Causality, window and sinks, [L, S]."""
        if not self.is_causal and self.window is None:
            return None
        query = torch.arange(kv_len - q_len, kv_len, device=device)[:, None]
        key = torch.arange(kv_len, device=device)[None, :]
        seen = torch.ones(q_len, kv_len, dtype=torch.bool, device=device)
        if self.window is not None:
            left, right = self.window
            if left is not None:
                seen &= key >= query - left
            if right is not None:
                seen &= key <= query + right
            if self.sinks:
                seen |= key < self.sinks
        if self.is_causal:
            seen &= key <= query
        return seen

    def _tensors(self, q_len: int, kv_len: int) -> tuple[Tensor | None, ...]:
        padding = segments = None
        if self.padding is not None:
            if self.padding.shape[-1] != kv_len:
                raise ShapeError(f"padding is [B, {self.padding.shape[-1]}], but there are {kv_len} keys")
            padding = self.padding[:, None, None, :]
        if self.segments is not None:
            if not q_len == kv_len == self.segments.shape[-1]:
                raise ShapeError(
                    f"segments is [B, {self.segments.shape[-1]}]; there are {q_len} queries and {kv_len} keys"
                )
            segments = self.segments[:, None, :, None] == self.segments[:, None, None, :]
        return padding, segments, self.dense


ALL = Mask()
