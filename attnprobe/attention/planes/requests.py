"""What a module cannot honour is refused."""

from __future__ import annotations

from collections.abc import Collection

from torch import Tensor

from attnprobe.attention.foundation.caches import Cache
from attnprobe.attention.foundation.masks import Mask
from attnprobe.errors import MaskError


def refuse_beyond(
    supports: Collection[str], name: str, context: Tensor | None, mask: Mask, cache: Cache | None
) -> None:
    """For modules that look both ways within one sequence.

    Raises:
        MaskError: The mask sets what is not supported, or there is a context or a cache.
    """
    missing = set(mask.parts)
    if context is not None:
        missing.add("cross")
    if cache is not None:
        missing.add("decode")
    if missing := missing - set(supports):
        raise MaskError(
            f"{name} does not support {', '.join(sorted(missing))}",
            hint=f"It supports {', '.join(sorted(supports))}.",
        )
