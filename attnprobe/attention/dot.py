"""Dot-product attention without scaling.

    out = softmax(query @ key^T + bias) @ value        [B, H, L, D] x [B, G, S, D] -> [B, H, L, Dv]

Cost: 4 B H L S D FLOPs; memory linear in L and S where the kernel is fused.
Keeps everything; loses the gradient: scores grow with √D, so that the softmax saturates when D is large. For
small heads, or for inputs of small norm. Against scaled attention it must be trained anew (retrain).
Source: Luong et al. 2015, arXiv:1508.04025, section 3.1 ("dot"); Vaswani et al. 2017, arXiv:1706.03762,
section 3.2.1, says why it was scaled.
"""

from __future__ import annotations

from typing import ClassVar

from attnprobe.attention.sdpa import Sdpa


class Dot(Sdpa):
    """Scores are plain products; all else, fused kernels and masks, as in `Sdpa`.

    Args:
        dropout: Probability, in training.
    """

    has_linear_memory: ClassVar[bool] = True

    def usual_scale(self, head_dim: int) -> float:
        """1, whatever the width."""
        return 1.0


attention = Dot
