"""A layer around a recurrence whose gates come from its input: causal, of one state for any length."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from attnprobe.attention.foundation.caches import Cache
from attnprobe.attention.foundation.masks import ALL, Mask
from attnprobe.attention.foundation.modules import joined, prompt_padding, split
from attnprobe.attention.kernelised.precision import no_autocast, widened
from attnprobe.attention.kernelised.states import MatrixCache, arriving
from attnprobe.errors import MaskError, ShapeError


class Tokens(NamedTuple):
    """What the recurrence reads of each token."""

    query: Tensor  # [B, H, S, D]
    key: Tensor  # [B, H, S, D]
    value: Tensor  # [B, H, S, D]
    gate: Tensor  # [B, H, S, D] or [B, H, S, 1]


Recurrence = Callable[[Tokens, Tensor | None], tuple[Tensor, Tensor]]  # -> outputs, matrix [B, H, D, D]


class RecurrentLayer(nn.Module):
    """Projections, a recurrence over one matrix per head, a norm, an output projection.

    A mechanism defines `tokens`, `chunked` and `stepped`; `finished` where more stands behind the norm.

    Args:
        embed_dim: Width E of the model.
        num_heads: Heads H.
        head_dim: Width D of a head; None: E / H.
        bias: Of the projections.
    """

    supports: ClassVar[frozenset[str]] = frozenset(("causal", "padding", "decode"))
    chunked: Recurrence
    stepped: Recurrence

    def __init__(
        self, embed_dim: int, num_heads: int, head_dim: int | None = None, bias: bool = False
    ) -> None:
        super().__init__()
        if head_dim is None and embed_dim % num_heads:
            raise ShapeError(f"embed_dim ({embed_dim}) is no multiple of num_heads ({num_heads})")
        self.num_heads, self.head_dim = num_heads, head_dim or embed_dim // num_heads
        width = num_heads * self.head_dim
        self.q_proj = nn.Linear(embed_dim, width, bias=bias)
        self.k_proj = nn.Linear(embed_dim, width, bias=bias)
        self.v_proj = nn.Linear(embed_dim, width, bias=bias)
        self.o_proj = nn.Linear(width, embed_dim, bias=bias)
        self.norm = nn.RMSNorm(self.head_dim, eps=1e-5)

    def forward(
        self, x: Tensor, context: Tensor | None = None, *, mask: Mask = ALL, cache: Cache | None = None
    ) -> Tensor:
        """Every token reads what the tokens up to it left in the matrix.

        Args:
            x: [B, S, E].
            context: None; there is no cross-attention.
            mask: Causal, and padding; with a cache padding may come with the prompt.
            cache: Of `new_cache()`: x continues what the cache holds.

        Returns:
            [B, S, E].

        Raises:
            MaskError: The mask is not causal, or asks for more than padding.
        """
        if cache is None:
            self._check(context, mask)
            out, _ = self._run(self.chunked, x, mask.padding, None)
            return out
        assert isinstance(cache, MatrixCache)
        if context is not None:
            raise MaskError(f"{type(self).__name__} has no cross-attention")
        prompt_padding(mask, cache)
        out, cache.matrix = self._run(self.chunked, x, arriving(cache, x.shape[1]), cache.matrix)
        cache.length += x.shape[1]
        return out

    def reference(self, x: Tensor, context: Tensor | None = None, *, mask: Mask = ALL) -> Tensor:
        """The same, token by token, by the recurrence."""
        self._check(context, mask)
        return self._run(self.stepped, x, mask.padding, None)[0]

    def new_cache(self) -> Cache:
        """A matrix of zeros."""
        return MatrixCache()

    def tokens(self, x: Tensor, padding: Tensor | None) -> Tokens:
        """What the recurrence reads; padding leaves the matrix as it is."""
        raise NotImplementedError

    def finished(self, out: Tensor, x: Tensor) -> Tensor:
        """What stands between the norm and the output projection. out [B, H, S, D], x [B, S, E]."""
        return out

    def split(self, x: Tensor) -> Tensor:
        """[B, S, H D] -> [B, H, S, D]."""
        return split(x, self.num_heads)

    def _run(
        self, recurrence: Recurrence, x: Tensor, padding: Tensor | None, matrix: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        tokens = self.tokens(x, padding)
        with no_autocast(x.device):
            out, matrix = recurrence(Tokens(*widened(*tokens)), matrix)
            # torch.rms_norm warns where a weight of half precision meets wider sums.
            weight = self.norm.weight.to(out.dtype)
            normed = functional.rms_norm(out, self.norm.normalized_shape, weight, self.norm.eps)
        return joined(self.finished(normed.to(tokens.value.dtype), x), self.o_proj), matrix

    def _check(self, context: Tensor | None, mask: Mask) -> None:
        extra = mask.parts - self.supports
        if context is not None:
            extra |= {"cross"}
        if not mask.is_causal:
            extra |= {"bidirectional"}
        if extra:
            raise MaskError(
                f"{type(self).__name__} does not support {', '.join(sorted(extra))}",
                hint="Call it with Mask(is_causal=True).",
            )


def chunks(tokens: Tokens, size: int) -> Tokens:
    """[B, H, S, D] -> [B, H, n, size, D], zeros behind the last token."""
    surplus = -tokens.query.shape[2] % size
    padded = (functional.pad(each, (0, 0, 0, surplus)) for each in tokens)
    return Tokens(*(torch.unflatten(each, 2, (-1, size)) for each in padded))
