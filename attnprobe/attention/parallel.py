"""Attentions side by side, fused into one output.

    out = fuse(b_1(x), …, b_n(x))

Fusions: "sum", "gate" (b_1 + Σ g_i b_i, g = 0 at first), "token_gate" (g of every token), "concat" (project),
each described in `composing.fusions`; "lse" merges attention over disjoint sets of keys into attention over
their union, exactly (`composing.merging`).

Branches are cores, which share query, key and value (the whole is a core), or layers over x [B, S, E] or over
maps. Cost: the sum of the branches. Keeps what every branch sees; loses nothing but time. Exactness: at first
that of the first branch for "gate", "token_gate" and "concat"; exact for "lse"; retrain for "sum".
Source: Fu et al. 2019, arXiv:1809.02983, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import or_
from typing import Any, Literal

from torch import Tensor, nn

from attnprobe.attention.composing.branches import Branches
from attnprobe.attention.composing.fusions import Fusion
from attnprobe.attention.composing.key_sets import KeySet
from attnprobe.attention.composing.merging import merge
from attnprobe.attention.foundation.caches import Cache, KeyValueCache
from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import Mask
from attnprobe.attention.foundation.plain import plain_attention
from attnprobe.errors import UsageError


class Parallel(Branches):
    """Branches side by side; with the default fusion the first one alone decides at first.

    Args:
        branches: Cores, or layers. For "lse": `KeySet`s that are disjoint.
        fusion: How their outputs become one.
        width: Last axis of the outputs (D of cores, E of layers); "token_gate" and "concat" need it.

    Raises:
        UsageError: Branches of both kinds, an unknown fusion, or "lse" with other branches.
    """

    def __init__(
        self,
        branches: Sequence[nn.Module],
        fusion: Literal["sum", "gate", "token_gate", "concat", "lse"] = "gate",
        *,
        width: int | None = None,
    ) -> None:
        super().__init__(branches)
        if fusion == "lse" and not all(isinstance(branch, KeySet) for branch in branches):
            raise UsageError("fusion 'lse' merges sets of keys; every branch must be a KeySet")
        self.fusion = None if fusion == "lse" else Fusion(fusion, len(branches), width)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """All branches on the same query, key and value."""
        if self.fusion is not None:
            return super().attend(query, key, value, mask, scale)
        found = [each.attend_with_log_sum(query, key, value, mask, scale) for each in self._sets]
        return merge([out for out, _ in found], [log_sum for _, log_sum in found])[0]

    def reference(self, *inputs: Any, **options: Any) -> Tensor:
        """The same with the references of the branches; for "lse" full attention to the union of the sets."""
        if self.fusion is not None:
            return super().reference(*inputs, **options)
        query, key, value, mask, scale = inputs
        pairs = reduce(or_, (each.pairs(query, key) for each in self._sets))
        dense = pairs if mask.dense is None else mask.dense & pairs
        return plain_attention(query, key, value, replace(mask, dense=dense), scale)

    def new_cache(self) -> Cache:
        """One cache per branch; sets of keys share one."""
        return super().new_cache() if self.fusion is not None else KeyValueCache()

    def decode(
        self, query: Tensor, key: Tensor, value: Tensor, cache: Cache, *, scale: float | None = None
    ) -> Tensor:
        """Every branch with its own cache; sets of keys with one."""
        if self.fusion is not None:
            return super().decode(query, key, value, cache, scale=scale)
        return Core.decode(self, query, key, value, cache, scale=scale)

    def fuse(self, x: Tensor, outputs: Sequence[Tensor]) -> Tensor:
        """By the chosen fusion."""
        assert self.fusion is not None
        out: Tensor = self.fusion(x, outputs)
        return out

    @property
    def _sets(self) -> list[KeySet]:
        return [branch for branch in self.branches if isinstance(branch, KeySet)]


attention = Parallel
