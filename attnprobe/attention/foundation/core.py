"""The heart of an attention: out = f(query, key, value, mask), without projections."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from attnprobe.attention.foundation.caches import Cache, KeyValueCache
from attnprobe.attention.foundation.masks import ALL, Mask
from attnprobe.errors import MaskError, ShapeError


class Core(nn.Module):
    """Base of all cores. A mechanism says what it supports and defines `attend`, and `reference` beside it.

    `supports` holds of: "causal", "bidirectional", "cross" (L != S), "padding", "window", "sinks",
    "segments", "dense", "bias", "grouped" (fewer key-value heads), "decode" (token by token, with a cache;
    with it go causal calls in which the queries are the last of the keys, L < S).
    What is asked for and not supported is an error, never ignored.
    """

    supports: ClassVar[frozenset[str]] = frozenset()
    has_linear_memory: ClassVar[bool] = False  # no tensor of a forward grows faster than the sequence

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Mask = ALL, *, scale: float | None = None
    ) -> Tensor:
        """The output of every head.

        Args:
            query: [B, H, L, D].
            key: [B, G, S, D]; H is a multiple of G.
            value: [B, G, S, Dv].
            mask: Which keys each query may see.
            scale: Of the scores; None: `usual_scale`.

        Returns:
            [B, H, L, Dv].

        Raises:
            ShapeError: The shapes do not belong together.
            MaskError: The mask asks for what this mechanism cannot honour.
        """
        self.check(query, key, value, mask)
        scale = self.usual_scale(query.shape[-1]) if scale is None else scale
        return self.attend(query, key, value, mask, scale)

    def usual_scale(self, head_dim: int) -> float:
        """Of the scores, where none is given: 1/√D."""
        return float(head_dim**-0.5)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """The mechanism, on checked shapes. [B, H, L, D] x [B, G, S, D] x [B, G, S, Dv] -> [B, H, L, Dv]."""
        raise NotImplementedError

    def reference(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """The same by the formula, plainly, of any cost: what `attend` is tested against."""
        raise NotImplementedError

    def new_cache(self) -> Cache:
        """An empty cache for `decode`."""
        return KeyValueCache()

    def decode(
        self, query: Tensor, key: Tensor, value: Tensor, cache: Cache, *, scale: float | None = None
    ) -> Tensor:
        """The next tokens after those in the cache: what a causal `forward` over all of them gives for these.

        Args:
            query: [B, H, L, D], L new tokens, usually one.
            key: [B, G, L, D].
            value: [B, G, L, Dv].
            cache: Of `new_cache`; takes the new tokens up. Its `padding` says which of the first are real.

        Raises:
            MaskError: The mechanism has no decoding.
        """
        if "decode" not in self.supports:
            raise MaskError(f"{type(self).__name__} cannot decode token by token")
        assert isinstance(cache, KeyValueCache)
        keys, values = cache.append(key, value)
        out: Tensor = self(query, keys, values, Mask(is_causal=True, padding=cache.seen), scale=scale)
        return out

    def check(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask) -> None:
        """Shapes, and whether the mask can be honoured.

        Raises:
            ShapeError: The shapes do not belong together.
            MaskError: The mask asks for what this mechanism cannot honour.
        """
        name = type(self).__name__
        if any(tensor.dim() != 4 for tensor in (query, key, value)):
            raise ShapeError(
                f"{name}: query, key and value are [B, H, S, D]; got {_shapes(query, key, value)}"
            )
        if (
            key.shape[:3] != value.shape[:3]
            or query.shape[0] != key.shape[0]
            or query.shape[3] != key.shape[3]
        ):
            raise ShapeError(f"{name}: query, key and value do not fit: {_shapes(query, key, value)}")
        if query.shape[1] % key.shape[1]:
            raise ShapeError(
                f"{name}: {query.shape[1]} query heads are no multiple of {key.shape[1]} key-value heads"
            )
        needed = set(mask.parts)
        if not mask.is_causal:
            needed.add("bidirectional")
        if query.shape[2] != key.shape[2]:
            continues = mask.is_causal and query.shape[2] < key.shape[2] and "decode" in self.supports
            needed.add("decode" if continues else "cross")
        if query.shape[1] != key.shape[1]:
            needed.add("grouped")
        if missing := needed - self.supports:
            raise MaskError(
                f"{name} does not support {', '.join(sorted(missing))}",
                hint=f"It supports {', '.join(sorted(self.supports))}.",
            )


def _shapes(*tensors: Tensor) -> str:
    return ", ".join(str(list(tensor.shape)) for tensor in tensors)
