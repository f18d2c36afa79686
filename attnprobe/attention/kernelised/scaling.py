"""A scale for attentions whose papers have none."""

from __future__ import annotations

import math

from torch import Tensor

from attnprobe.errors import ShapeError


def scaled(x: Tensor, scale: float) -> Tensor:
    """x √(scale √D): x itself at the usual scale 1/√D; queries and keys so scaled have the scores scaled.

    Raises:
        ShapeError: The scale is not positive.
    """
    if scale <= 0:
        raise ShapeError(f"the scale of an attention by features is positive; got {scale}")
    factor = math.sqrt(scale * math.sqrt(x.shape[-1]))
    return x if math.isclose(factor, 1.0, rel_tol=1e-9) else x * factor
