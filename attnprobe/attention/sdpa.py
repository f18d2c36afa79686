"""Scaled dot-product attention, in one fused call.

    out = softmax(query @ key^T · scale + bias) @ value        [B, H, L, D] x [B, G, S, D] -> [B, H, L, Dv]

Cost: 4 B H L S D FLOPs; memory linear in L and S where the kernel is fused.
Exact; keeps everything. Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.1.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import Mask
from attnprobe.attention.foundation.plain import plain_attention


class Sdpa(Core):
    """Scaled dot-product attention by torch's fused kernels.

    Args:
        dropout: Probability, in training.
    """

    supports: ClassVar[frozenset[str]] = frozenset(
        ("causal", "bidirectional", "cross", "padding", "window", "sinks", "segments", "dense", "bias")
    ) | {"grouped", "decode"}
    has_linear_memory: ClassVar[bool] = True

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = dropout

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """One call of F.scaled_dot_product_attention; flags instead of masks where they say the same."""
        dropout = self.dropout if self.training else 0.0
        groups, q_len = key.shape[1], query.shape[2]
        if mask.parts <= {"causal"} and q_len == 1:
            # One query sees all keys: the heads of a group become its queries, and no key is copied.
            folded = query.reshape(query.shape[0], groups, -1, query.shape[3])  # [B, G, H/G, D]
            out = F.scaled_dot_product_attention(folded, key, value, dropout_p=dropout, scale=scale)
            return out.flatten(1, 2).unsqueeze(2)
        # A branch, since under torch.compile a comparison of lengths is no bool.
        is_flag = True if mask.parts == {"causal"} and q_len == key.shape[2] else False  # noqa: SIM210
        return F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=None if is_flag else _additive(mask, query, key),
            dropout_p=dropout,
            is_causal=is_flag,
            scale=scale,
            enable_gqa=groups != query.shape[1],
        )

    def reference(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """Matmul, softmax, matmul."""
        return plain_attention(query, key, value, mask, scale)


def _additive(mask: Mask, query: Tensor, key: Tensor) -> Tensor | None:
    """Bool where there is no bias, else the bias with -inf for what is hidden."""
    visible = mask.visible(query.shape[2], key.shape[2], query.device)
    if mask.bias is None or visible is None:
        return visible if mask.bias is None else mask.bias.to(query.dtype)
    return mask.bias.to(query.dtype).masked_fill(~visible, float("-inf"))


attention = Sdpa
