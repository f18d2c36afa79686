"""Heads of a layer, dealt out to several cores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from attnprobe.attention.foundation.masks import Mask
from attnprobe.errors import ShapeError


@dataclass(frozen=True, slots=True)
class HeadGroup:
    """Query heads that one core works on."""

    heads: tuple[int, ...]

    def queries(self, tensor: Tensor) -> Tensor:
        """Its heads of [B, H, L, D]; a view where they stand side by side."""
        return _taken(tensor, self.heads)

    def keys(self, tensor: Tensor, num_heads: int) -> Tensor:
        """The key-value heads that its query heads read, of [B, G, S, D]; shared ones once, if possible."""
        per_group = num_heads // tensor.shape[1]
        read = [head // per_group for head in self.heads]
        distinct = list(dict.fromkeys(read))
        share = len(read) // len(distinct)
        is_regular = read == [each for each in distinct for _ in range(share)]
        return _taken(tensor, tuple(distinct if is_regular else read))

    def mask(self, mask: Mask) -> Mask:
        """The mask, with its heads of what differs between heads."""
        return replace(mask, dense=self._of(mask.dense), bias=self._of(mask.bias))

    def _of(self, tensor: Tensor | None) -> Tensor | None:
        if tensor is None or tensor.dim() < 3 or tensor.shape[-3] == 1:
            return tensor
        return tensor.index_select(-3, torch.tensor(self.heads, device=tensor.device))


def dealt(heads: Sequence[int | Sequence[int]], num_cores: int) -> tuple[HeadGroup, ...]:
    """Heads of every core: a number takes the next so many, a sequence names them.

    Raises:
        ShapeError: Not one entry per core, or not every head exactly once.
    """
    if len(heads) != num_cores:
        raise ShapeError(f"HybridHeads: {num_cores} cores, but heads for {len(heads)}")
    groups, start = [], 0
    for entry in heads:
        group = tuple(range(start, start + entry)) if isinstance(entry, int) else tuple(entry)
        groups.append(HeadGroup(group))
        start += len(group)
    named = [head for group in groups for head in group.heads]
    if sorted(named) != list(range(len(named))) or not all(group.heads for group in groups):
        raise ShapeError(f"HybridHeads: every head must be dealt out exactly once; got {list(heads)}")
    return tuple(groups)


def _taken(tensor: Tensor, heads: tuple[int, ...]) -> Tensor:
    if heads == tuple(range(heads[0], heads[0] + len(heads))):
        return tensor.narrow(1, heads[0], len(heads))
    return tensor.index_select(1, torch.tensor(heads, device=tensor.device))
