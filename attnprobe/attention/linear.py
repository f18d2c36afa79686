"""Linear attention: elu(x) + 1 in place of the softmax.

    out_i = φ(q_i)ᵀ (Σ_j φ(k_j) v_jᵀ) / (φ(q_i) · Σ_j φ(k_j)),   φ(x) = elu(x) + 1      [B, H, L, Dv]

Cost per head: 2 (L + S) D Dv FLOPs, causal 2 S C (D + Dv) more for chunks of C = 64; memory linear in length;
decoding keeps D Dv + D numbers. Keeps all of the past in a sum of fixed size; loses sharp
selection: weights are nearly even, and cannot single out one key.

Exactness: retrain. Source: Katharopoulos et al. 2020, arXiv:2006.16236, section 3.2. The paper does not
scale; here a scale other than 1/√D multiplies queries and keys by √(scale √D): the default is the paper's.
"""

from __future__ import annotations

import math
from typing import ClassVar

from torch import Tensor

from attnprobe.attention.kernelised.core import FeatureCore
from attnprobe.attention.kernelised.scaling import scaled

_LOG2_E = math.log2(math.e)


class Linear(FeatureCore):
    """Attention by elu(x) + 1, bidirectional, causal or token by token."""

    has_linear_memory: ClassVar[bool] = True

    def query_features(self, query: Tensor, scale: float, start: int) -> Tensor:
        """elu(q) + 1, [B, H, C, D]."""
        return _elu_plus_one(scaled(query, scale))

    def key_features(self, key: Tensor, scale: float, start: int) -> Tensor:
        """elu(k) + 1, [B, G, C, D]."""
        return _elu_plus_one(scaled(key, scale))


def _elu_plus_one(x: Tensor) -> Tensor:
    # exp(min(x, 0)) + max(x, 0): elu(x) + 1 would round what is small to multiples of 1e-7, and then to zero.
    # torch.exp2 takes a third of the time of torch.exp.
    positive = x.clamp(min=0)
    return positive.add_((x - positive).mul_(_LOG2_E).exp2_())


attention = Linear
