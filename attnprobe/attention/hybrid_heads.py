"""Another core for each group of heads.

    out_h = core(h)(query_h, key_h, value_h)       [B, H, L, D] in parts of heads -> [B, H, L, Dv]

Key-value heads go with the query heads that read them; one that several cores read is read by each.
Cost: each core's, for its share of the heads. Keeps full sight in some heads where others see a window.
Exactness: that of the cores; equals each core on its own heads.
Source: Xiao et al. 2024, arXiv:2410.10819, section 2 (full attention in retrieval heads, a window elsewhere).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from attnprobe.attention.composing.head_groups import dealt
from attnprobe.attention.composing.parts import Caches, all_cores, caches_of, common_support
from attnprobe.attention.foundation.caches import Cache
from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import Mask
from attnprobe.errors import MaskError, ShapeError, UsageError


class HybridHeads(Core):
    """Cores side by side over the heads of one layer.

    Args:
        cores: One per group.
        heads: Of each core, how many (taken in order), or which: [2, 6], or [(0, 5), (1, 2, 3, 4, 6, 7)].

    Raises:
        ShapeError: A head is dealt out twice, or not at all.
        UsageError: A part is no core.
    """

    def __init__(self, cores: Sequence[Core], heads: Sequence[int | Sequence[int]]) -> None:
        super().__init__()
        if not all_cores(cores, "HybridHeads"):
            raise UsageError("HybridHeads takes cores; layers have heads of their own")
        self.groups = dealt(heads, len(cores))
        self.cores = nn.ModuleList(cores)
        self.num_heads = sum(len(group.heads) for group in self.groups)
        self.supports = common_support(cores)  # type: ignore[misc]
        order = [head for group in self.groups for head in group.heads]
        self.place = [order.index(head) for head in range(self.num_heads)]

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """Each core on its heads."""
        parts = self._dealt_out(query, key, value)
        outputs = [
            core(*part, group.mask(mask), scale=scale)
            for core, group, part in zip(self.cores, self.groups, parts, strict=True)
        ]
        return self._together(outputs)

    def reference(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """Each core's reference on its heads."""
        parts = self._dealt_out(query, key, value)
        outputs = [
            core.reference(*part, group.mask(mask), scale)  # type: ignore[operator]
            for core, group, part in zip(self.cores, self.groups, parts, strict=True)
        ]
        return self._together(outputs)

    def new_cache(self) -> Cache:
        """An empty cache for every core.

        Raises:
            MaskError: A core cannot decode.
        """
        return caches_of(self.cores, "HybridHeads")

    def decode(
        self, query: Tensor, key: Tensor, value: Tensor, cache: Cache, *, scale: float | None = None
    ) -> Tensor:
        """Each core with its own cache."""
        if "decode" not in self.supports or not isinstance(cache, Caches):
            raise MaskError("HybridHeads decodes with new_cache(), where all of its cores can")
        caches = cache.prepared()
        outputs = [
            core.decode(*part, own, scale=scale)  # type: ignore[operator]
            for core, part, own in zip(self.cores, self._dealt_out(query, key, value), caches, strict=True)
        ]
        cache.length = caches[0].length
        return self._together(outputs)

    def _dealt_out(self, query: Tensor, key: Tensor, value: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
        heads = query.shape[1]
        if heads != self.num_heads:
            raise ShapeError(f"HybridHeads: {self.num_heads} heads are dealt out, but there are {heads}")
        return [
            (group.queries(query), group.keys(key, heads), group.keys(value, heads)) for group in self.groups
        ]

    def _together(self, outputs: list[Tensor]) -> Tensor:
        out = torch.cat(outputs, dim=1)
        if self.place == list(range(self.num_heads)):
            return out
        return out.index_select(1, torch.tensor(self.place, device=out.device))


attention = HybridHeads
