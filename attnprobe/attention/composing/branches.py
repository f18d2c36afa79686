"""Branches side by side: cores over one query, key and value, or layers over one x."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from attnprobe.attention.composing.parts import (
    Caches,
    all_cores,
    caches_of,
    call_options,
    check_call,
    common_support,
)
from attnprobe.attention.foundation.caches import Cache
from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import ALL, Mask
from attnprobe.attention.foundation.modules import prompt_padding
from attnprobe.errors import MaskError, ShapeError


class Branches(Core):
    """Base of parallel composites: a core where its branches are cores, else a layer. Defines how to fuse.

    Args:
        branches: Cores, or layers; not both.

    Raises:
        UsageError: There are none, or they are of both kinds.
    """

    def __init__(self, branches: Sequence[nn.Module]) -> None:
        super().__init__()
        self.takes_layers = not all_cores(branches, type(self).__name__)
        self.branches = nn.ModuleList(branches)
        self.supports = common_support(branches)  # type: ignore[misc]

    def fuse(self, x: Tensor, outputs: Sequence[Tensor]) -> Tensor:
        """One output of those of the branches; x is the query [B, H, L, D], or the input of the layers."""
        raise NotImplementedError

    def forward(self, *inputs: Any, **options: Any) -> Tensor:
        """As a core: (query, key, value, mask). As a layer: (x, context, mask=…, cache=…), or a map alone."""
        if self.takes_layers:
            return self._layers(*inputs, **options)
        if len(inputs) < 3:
            raise ShapeError(
                f"{type(self).__name__} of cores takes query, key and value",
                hint="Attention(embed_dim, num_heads, core) puts projections around it.",
            )
        return super().forward(*inputs, **options)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """All branches on the same query, key and value."""
        return self.fuse(query, [each(query, key, value, mask, scale=scale) for each in self.branches])

    def reference(self, *inputs: Any, **options: Any) -> Tensor:
        """The same with the references of the branches."""
        outputs = [each.reference(*inputs, **options) for each in self.branches]  # type: ignore[operator]
        return self.fuse(inputs[0], outputs)

    def new_cache(self) -> Cache:
        """An empty cache for every branch.

        Raises:
            MaskError: A branch cannot decode.
        """
        return caches_of(self.branches, type(self).__name__)

    def decode(
        self, query: Tensor, key: Tensor, value: Tensor, cache: Cache, *, scale: float | None = None
    ) -> Tensor:
        """Every branch with its own cache."""
        parts = self._parts(cache)
        outputs = [
            branch.decode(query, key, value, part, scale=scale)  # type: ignore[operator]
            for branch, part in zip(self.branches, parts, strict=True)
        ]
        cache.length = parts[0].length
        return self.fuse(query, outputs)

    def _layers(
        self, x: Tensor, context: Tensor | None = None, *, mask: Mask = ALL, cache: Cache | None = None
    ) -> Tensor:
        if context is not None or mask is not ALL or cache is not None:
            check_call(self.supports, type(self).__name__, context, mask, cache)
        parts: Sequence[Cache | None] = (None,) * len(self.branches)
        if cache is not None:
            prompt_padding(mask, cache)
            parts = self._parts(cache)
        outputs = [
            branch(x, **call_options(context, mask, part))
            for branch, part in zip(self.branches, parts, strict=True)
        ]
        if cache is not None and parts[0] is not None:
            cache.length = parts[0].length
        return self.fuse(x, outputs)

    def _parts(self, cache: Cache) -> tuple[Cache, ...]:
        if "decode" not in self.supports:
            raise MaskError(f"{type(self).__name__} cannot decode token by token")
        if not isinstance(cache, Caches) or len(cache.parts) != len(self.branches):
            raise MaskError(f"the cache is not of new_cache(): {type(cache).__name__}")
        return cache.prepared()
