"""Attentions one after another, in the place of one.

    y_1 = first(x)
    y_i = norm'(y_(i-1) + f_i(norm(y_(i-1))))       i = 2 ... n       [B, S, E] -> [B, S, E]

The first stage stands bare, for the residual around it is that of the model; every later one refines its
output. With init "zero" (or residual "scaled") the whole is at first exactly its first stage.

Cost: the sum of the stages. Keeps what the stages keep together; what the first one drops is lost to the
next. Exactness: that of the stages; exact at first where later stages start at zero.
Source: channel, then place, one after the other: Woo et al. 2018, arXiv:1807.06521, section 3; residuals,
norms and initial values: `composing.residuals`, `composing.initial_values`.
"""

from __future__ import annotations

from collections.abc import Sequence

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


class Serial(nn.Module):
    """Stages, each fed with the output of the one before.

    Args:
        stages: Cores, layers, or what builds them; cores get projections of their own. Modules are copied.
        embed_dim: Width E.
        num_heads: Heads of the layers that are built around cores.
        num_kv_heads: Key-value heads of these; None: as many as heads.
        residual: Around every stage but the first ("none", "plain", "scaled", "deepnorm").
        norm: Of every stage but the first ("none", "pre", "post", "sandwich").
        init: Initial values of every stage but the first; "default" where the residual starts at zero.

    Raises:
        UsageError: No stages, or options that do not go together.
    """

    def __init__(
        self,
        stages: Sequence[Part],
        embed_dim: int,
        num_heads: int | None = None,
        *,
        num_kv_heads: int | None = None,
        residual: ResidualKind = "plain",
        norm: Norm = "pre",
        init: Init = "zero",
    ) -> None:
        super().__init__()
        if not stages:
            raise UsageError("Serial: there are no stages")
        first, *later = (layer_of(stage, embed_dim, num_heads, num_kv_heads) for stage in stages)
        for layer in later:
            initialise(layer, init, depth=len(stages))
        blocks = [Residual(f, embed_dim, residual=residual, norm=norm, depth=len(stages)) for f in later]
        self.first, self.later = first, nn.ModuleList(blocks)

    @property
    def stages(self) -> tuple[nn.Module, ...]:
        """The layers, without their residuals."""
        return self.first, *(block.layer for block in self.later if isinstance(block, Residual))

    @property
    def supports(self) -> frozenset[str]:
        """What all stages support."""
        return common_support(self.stages)

    def new_cache(self) -> Cache:
        """An empty cache for every stage.

        Raises:
            MaskError: A stage cannot decode.
        """
        return caches_of(self.stages, "Serial")

    def forward(
        self, x: Tensor, context: Tensor | None = None, *, mask: Mask = ALL, cache: Cache | None = None
    ) -> Tensor:
        """[B, S, E] -> [B, S, E]; every stage reads the same context and mask.

        Raises:
            MaskError: A stage does not support what is asked for.
        """
        if context is not None or mask is not ALL or cache is not None:
            check_call(self.supports, "Serial", context, mask, cache)
        caches = caches_for(cache, mask, len(self.stages))
        for block, part in zip((self.first, *self.later), caches, strict=True):
            x = block(x, **call_options(context, mask, part))
        if cache is not None:
            cache.length = caches[0].length if caches[0] is not None else 0
        return x

    def reference(self, x: Tensor, context: Tensor | None = None, *, mask: Mask = ALL) -> Tensor:
        """The same with the references of the stages."""
        options = call_options(context, mask, None)
        x = self.first.reference(x, **options)  # type: ignore[operator]
        for block in self.later:
            assert isinstance(block, Residual)
            x = block.reference(x, **options)
        return x


attention = Serial
