"""Parts of a composite: whether they are cores or layers, what all of them support, their caches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

from torch import Tensor, nn

from attnprobe.attention.foundation.caches import Cache
from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import ALL, Mask
from attnprobe.attention.foundation.modules import Attention, prompt_padding
from attnprobe.errors import MaskError, UsageError

Part = nn.Module | Callable[[], nn.Module]  # a core or a layer, or what builds one


class Caches(Cache):
    """One cache per part."""

    def __init__(self, parts: Sequence[Cache]) -> None:
        self.parts = tuple(parts)

    def prepared(self) -> tuple[Cache, ...]:
        """The caches of the parts, with the prompt's padding handed on before the first tokens."""
        if self.padding is not None and not self.length:
            for part in self.parts:
                part.padding = self.padding
        return self.parts


def is_core(part: nn.Module) -> bool:
    """Whether it takes query, key and value; a composite of layers takes x."""
    return isinstance(part, Core) and not getattr(part, "takes_layers", False)


def all_cores(parts: Iterable[nn.Module], name: str) -> bool:
    """Whether the parts are cores, not layers.

    Raises:
        UsageError: There are none, or they are of both kinds.
    """
    kinds = {is_core(part) for part in parts}
    if len(kinds) != 1:
        found = "both" if kinds else "nothing"
        raise UsageError(f"{name} takes cores or layers; got {found}")
    return kinds.pop()


def common_support(parts: Iterable[nn.Module]) -> frozenset[str]:
    """What every part supports."""
    return frozenset.intersection(*(frozenset(getattr(part, "supports", ())) for part in parts))


def caches_of(parts: Iterable[Any], name: str) -> Caches:
    """An empty cache for every part.

    Raises:
        MaskError: A part cannot decode.
    """
    found = []
    for part in parts:
        if not hasattr(part, "new_cache") or "decode" not in getattr(part, "supports", ()):
            raise MaskError(f"{name}: {type(part).__name__} cannot decode token by token")
        found.append(part.new_cache())
    return Caches(found)


def check_call(
    supports: frozenset[str], name: str, context: Tensor | None, mask: Mask, cache: Cache | None
) -> None:
    """What not all layers support is refused before the first of them runs.

    Raises:
        MaskError: The mask, a context or a cache asks for more.
    """
    needed = set(mask.parts) if mask.is_causal or cache is not None else {*mask.parts, "bidirectional"}
    if context is not None:
        needed.add("cross")
    if cache is not None:
        needed.add("decode")
    if missing := needed - supports:
        raise MaskError(
            f"{name} does not support {', '.join(sorted(missing))}", hint="One of its parts does not."
        )


def layer_of(part: Part, embed_dim: int, num_heads: int | None, num_kv_heads: int | None = None) -> nn.Module:
    """A layer of its own: a core gets projections; a module that is given is copied.

    Raises:
        UsageError: A core needs `num_heads`.
    """
    built = deepcopy(part) if isinstance(part, nn.Module) else part()
    if not is_core(built):
        return built
    if num_heads is None:
        raise UsageError(f"{type(built).__name__} is a core: num_heads is needed for its projections")
    assert isinstance(built, Core)
    return Attention(embed_dim, num_heads, built, num_kv_heads=num_kv_heads)


def call_options(context: Tensor | None, mask: Mask, cache: Cache | None) -> Mapping[str, Any]:
    """Only what was asked for, so that parts without masks (gates on maps) can be called too."""
    options = {"context": context, "mask": None if mask is ALL else mask, "cache": cache}
    return {name: value for name, value in options.items() if value is not None}


def caches_for(cache: Cache | None, mask: Mask, count: int) -> tuple[Cache | None, ...]:
    """The cache of every layer, ready for a call; all None without a cache.

    Raises:
        MaskError: The cache is that of something else, or the mask asks for what goes with no cache.
    """
    if cache is None:
        return (None,) * count
    if not isinstance(cache, Caches) or len(cache.parts) != count:
        raise MaskError(f"the cache is not of new_cache(): {type(cache).__name__}")
    prompt_padding(mask, cache)
    return cache.prepared()
