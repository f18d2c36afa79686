"""A stack of attention layers by a pattern over depth.

    "local local local full"       x -> local -> local -> local -> full -> …       [B, S, E] -> [B, S, E]

Every layer stands in a residual with its norm, and may be followed by a feed-forward layer in another.
Cost: the sum of the layers. Keeps full sight every n-th layer, through which what windows miss still arrives.
Exactness: that of the layers; the stack equals its parts, one after another.
Source: Gemma Team 2025, arXiv:2503.19786, section 2 (five local layers to one global); residuals, norms and
initial values: `composing.residuals`, `composing.initial_values`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor, nn

from attnprobe.attention.composing.initial_values import Init, initialise
from attnprobe.attention.composing.parts import (
    Part,
    caches_for,
    caches_of,
    call_options,
    check_call,
    common_support,
    layer_of,
)
from attnprobe.attention.composing.residuals import Norm, Residual, ResidualKind
from attnprobe.attention.foundation.caches import Cache
from attnprobe.attention.foundation.masks import ALL, Mask
from attnprobe.errors import UsageError


class HybridLayers(nn.Module):
    """Attention layers over depth.

    Args:
        pattern: Names of `mechanisms`, "local local full" or a sequence of them.
        mechanisms: Name -> core, layer, or what builds one; every layer gets its own copy, cores projections.
        embed_dim: Width E.
        num_heads: Heads of the layers that are built around cores.
        depth: Layers; the pattern is repeated. None: once through the pattern.
        num_kv_heads: Key-value heads of the layers that are built around cores; None: as many as heads.
        residual: Around every layer ("none", "plain", "scaled", "deepnorm").
        norm: Of every layer ("none", "pre", "post", "sandwich").
        init: Initial values of every layer ("default", "xavier", "deepnorm", "t_fixup", "zero").
        is_decoder: Whether T-Fixup takes the factor of decoders.
        feed_forward: Builds what follows every attention layer; None: nothing does.

    Raises:
        UsageError: A name is unknown, or options do not go together.
    """

    def __init__(
        self,
        pattern: str | Sequence[str],
        mechanisms: Mapping[str, Part],
        embed_dim: int,
        num_heads: int | None = None,
        *,
        depth: int | None = None,
        num_kv_heads: int | None = None,
        residual: ResidualKind = "plain",
        norm: Norm = "pre",
        init: Init = "default",
        is_decoder: bool = False,
        feed_forward: Callable[[], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.pattern = layer_names(pattern, mechanisms, depth)
        if init == "t_fixup" and norm != "none":
            raise UsageError(f"init 't_fixup' goes without normalisation; norm is '{norm}'")
        count = len(self.pattern)

        def block(layer: nn.Module, scheme: Init) -> Residual:
            initialise(layer, scheme, depth=count, is_decoder=is_decoder)
            return Residual(layer, embed_dim, residual=residual, norm=norm, depth=count)

        made = [layer_of(mechanisms[name], embed_dim, num_heads, num_kv_heads) for name in self.pattern]
        self.layers = nn.ModuleList(block(layer, init) for layer in made)
        inner: Init = "default" if init == "zero" else init
        wanted = () if feed_forward is None else (block(feed_forward(), inner) for _ in made)
        self.feed_forwards = nn.ModuleList(wanted)

    @property
    def supports(self) -> frozenset[str]:
        """What all layers support."""
        return common_support(block.layer for block in self.layers)  # type: ignore[misc]

    def new_cache(self) -> Cache:
        """An empty cache for every layer.

        Raises:
            MaskError: A layer cannot decode.
        """
        return caches_of((block.layer for block in self.layers), "HybridLayers")

    def forward(
        self, x: Tensor, context: Tensor | None = None, *, mask: Mask = ALL, cache: Cache | None = None
    ) -> Tensor:
        """[B, S, E] -> [B, S, E]; every layer reads the same context and mask.

        Raises:
            MaskError: A layer does not support what is asked for.
        """
        check_call(self.supports, "HybridLayers", context, mask, cache)
        caches = caches_for(cache, mask, len(self.layers))
        for number, (block, part) in enumerate(zip(self.layers, caches, strict=True)):
            x = self._fed_forward(number, block(x, **call_options(context, mask, part)))
        if cache is not None and caches[0] is not None:
            cache.length = caches[0].length
        return x

    def reference(self, x: Tensor, context: Tensor | None = None, *, mask: Mask = ALL) -> Tensor:
        """The same with the references of the layers."""
        for number, block in enumerate(self.layers):
            out = block.reference(x, **call_options(context, mask, None))  # type: ignore[operator]
            x = self._fed_forward(number, out)
        return x

    def _fed_forward(self, number: int, x: Tensor) -> Tensor:
        return self.feed_forwards[number](x) if len(self.feed_forwards) else x


def layer_names(
    pattern: str | Sequence[str], mechanisms: Mapping[str, Part], depth: int | None
) -> tuple[str, ...]:
    """The mechanism of every layer.

    Raises:
        UsageError: The pattern is empty, or names what is not there.
    """
    names = tuple(pattern.split() if isinstance(pattern, str) else pattern)
    if not names:
        raise UsageError("HybridLayers: the pattern is empty")
    if unknown := sorted(set(names) - set(mechanisms)):
        raise UsageError(f"no mechanism is named '{unknown[0]}'", hint=f"Known: {', '.join(mechanisms)}.")
    return tuple(names[layer % len(names)] for layer in range(len(names) if depth is None else depth))


attention = HybridLayers
