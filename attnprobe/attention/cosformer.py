"""cosFormer: rectified queries and keys, weighted by the cosine of their distance.

    weight_ij = relu(q_i) · relu(k_j) cos(π (i - j) / 2M)
    out_i     = Σ_j weight_ij v_j / Σ_j weight_ij                                       [B, H, L, Dv]

The cosine of a difference is cos cos + sin sin, so it falls apart into features of width 2D.

Cost per head: 4 (L + S) D Dv FLOPs, causal 2 S C (2D + Dv) more for chunks of C; memory linear in length;
decoding keeps 2D Dv + 2D numbers. Keeps a preference for near tokens; loses sharp selection, and every key
whose rectified products with the query are all zero.

Exactness: retrain. Source: Qin et al. 2022, arXiv:2202.08791, section 3. Departure: M is fixed beforehand,
not the length at hand, so that a token's output does not change when further tokens arrive. A scale cancels.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from attnprobe.attention.kernelised.core import FeatureCore
from attnprobe.errors import ShapeError


class Cosformer(FeatureCore):
    """cosFormer attention, bidirectional, causal or token by token.

    Args:
        max_len: M, the longest sequence; at this distance the weight is zero.
    """

    has_linear_memory: ClassVar[bool] = True

    def __init__(self, max_len: int = 8192) -> None:
        super().__init__()
        self.max_len = max_len

    def query_features(self, query: Tensor, scale: float, start: int) -> Tensor:
        """relu(q) cos and relu(q) sin, [B, H, C, 2D]."""
        return self._features(query, start)

    def key_features(self, key: Tensor, scale: float, start: int) -> Tensor:
        """relu(k) cos and relu(k) sin, [B, G, C, 2D]."""
        return self._features(key, start)

    def _features(self, x: Tensor, start: int) -> Tensor:
        end = start + x.shape[2]
        if max(end, -start) > self.max_len:
            raise ShapeError(f"Cosformer was made for {self.max_len} tokens; got {max(end, -start)}")
        positions = torch.arange(start, end, device=x.device, dtype=torch.float64)
        angles = (positions * (math.pi / 2 / self.max_len))[:, None]
        rectified = torch.relu(x)
        return torch.cat((rectified * angles.cos().to(x.dtype), rectified * angles.sin().to(x.dtype)), dim=-1)


attention = Cosformer
