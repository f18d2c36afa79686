"""An attention layer: projections around a core."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from attnprobe.attention.foundation.caches import Cache
from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import ALL, Mask
from attnprobe.attention.foundation.norms import RmsNorm
from attnprobe.errors import MaskError, ShapeError

Positions = Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]  # (query, key, offset) -> both, rotated


class Attention(nn.Module):
    """Multi-head attention over any core: q_proj, k_proj, v_proj, o_proj, optional norms and positions.

    Args:
        embed_dim: Width E of the model.
        num_heads: Query heads H.
        core: What happens between the projections; None: scaled dot-product attention.
        num_kv_heads: Key-value heads G, a divisor of H; None: H.
        head_dim: Width D of a head; None: E / H.
        context_dim: Width of the context of cross-attention; None: E.
        bias: Of the projections.
        qk_norm: RMS normalisation of queries and keys per head (Henry et al. 2020, arXiv:2010.04245).
        positions: Applied to queries and keys, such as a rotary embedding.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        core: Core | None = None,
        *,
        num_kv_heads: int | None = None,
        head_dim: int | None = None,
        context_dim: int | None = None,
        bias: bool = True,
        qk_norm: bool = False,
        positions: Positions | None = None,
    ) -> None:
        super().__init__()
        groups = num_heads if num_kv_heads is None else num_kv_heads
        if num_heads % groups:
            raise ShapeError(f"num_heads ({num_heads}) is no multiple of num_kv_heads ({groups})")
        if head_dim is None and embed_dim % num_heads:
            raise ShapeError(f"embed_dim ({embed_dim}) is no multiple of num_heads ({num_heads})")
        width = head_dim or embed_dim // num_heads
        self.num_heads, self.num_kv_heads, self.head_dim = num_heads, groups, width
        self.q_proj = nn.Linear(embed_dim, num_heads * width, bias=bias)
        self.k_proj = nn.Linear(context_dim or embed_dim, groups * width, bias=bias)
        self.v_proj = nn.Linear(context_dim or embed_dim, groups * width, bias=bias)
        self.o_proj = nn.Linear(num_heads * width, embed_dim, bias=bias)
        self.q_norm = RmsNorm(width) if qk_norm else nn.Identity()
        self.k_norm = RmsNorm(width) if qk_norm else nn.Identity()
        self.positions = positions
        self.core = core if core is not None else _default_core()

    def forward(
        self, x: Tensor, context: Tensor | None = None, *, mask: Mask = ALL, cache: Cache | None = None
    ) -> Tensor:
        """Attend from x to itself, or to a context.

        Args:
            x: [B, L, E].
            context: [B, S, C]; None: x itself.
            mask: Which keys each query may see; with a cache causal, and padding may come with the prompt.
            cache: Of `new_cache()`: x continues what the cache holds.

        Returns:
            [B, L, E].
        """
        query, key, value = self.projected(x, context, 0 if cache is None else cache.length)
        if cache is None:
            out = self.core(query, key, value, mask)
        else:
            prompt_padding(mask, cache)
            out = self.core.decode(query, key, value, cache)
        return self.merged(out, x)

    def reference(self, x: Tensor, context: Tensor | None = None, *, mask: Mask = ALL) -> Tensor:
        """The same with the reference of the core."""
        query, key, value = self.projected(x, context, 0)
        scale = self.core.usual_scale(self.head_dim)
        return self.merged(self.core.reference(query, key, value, mask, scale), x)

    def new_cache(self) -> Cache:
        """An empty cache for decoding."""
        return self.core.new_cache()

    @property
    def supports(self) -> frozenset[str]:
        """What the core supports; grouped heads are fixed when the layer is built."""
        return self.core.supports - {"grouped"}

    def projected(self, x: Tensor, context: Tensor | None, offset: int) -> tuple[Tensor, Tensor, Tensor]:
        """Query [B, H, L, D], key and value [B, G, S, D]; `offset` tokens came before x."""
        source = x if context is None else context
        query = self.q_norm(split(self.q_proj(x), self.num_heads))
        key = self.k_norm(split(self.k_proj(source), self.num_kv_heads))
        if self.positions is not None:
            query, key = self.positions(query, key, offset)
        return query, key, split(self.v_proj(source), self.num_kv_heads)

    def merged(self, heads: Tensor, x: Tensor) -> Tensor:
        """The outputs of all heads, [B, H, L, D], through o_proj: [B, L, E]. x is what they come from."""
        return joined(heads, self.o_proj)


def split(x: Tensor, heads: int) -> Tensor:
    """[B, S, H D] -> [B, H, S, D]."""
    return x.view(*x.shape[:-1], heads, x.shape[-1] // heads).transpose(1, 2)


def joined(heads: Tensor, o_proj: nn.Module) -> Tensor:
    """[B, H, L, D] -> [B, L, E]."""
    out: Tensor = o_proj(heads.transpose(1, 2).flatten(2))
    return out


def prompt_padding(mask: Mask, cache: Cache) -> None:
    """The padding of a prompt goes into the cache; nothing else can be asked for with a cache.

    Raises:
        MaskError: The mask asks for more, or padding comes after the first call.
    """
    if extra := mask.parts - {"causal", "padding"}:
        raise MaskError(f"with a cache attention is causal; the mask also sets {', '.join(sorted(extra))}")
    if mask.padding is not None:
        if cache.length:
            raise MaskError("padding belongs to the first call with a cache, that of the prompt")
        cache.padding = mask.padding


def _default_core() -> Core:
    from attnprobe.attention.sdpa import Sdpa

    return Sdpa()
