"""Every query picks the blocks of keys that it attends to.

    affinity_ic = query_i · mean of the keys of block c
    out_i = softmax_j(query_i · key_j · scale) @ value_j,  j in i's own block or the n - 1 of largest affinity
                                                                        [B, H, L, D] -> [B, H, L, Dv]

Under a causal mask only whole blocks before the own one can be picked, so that no mean looks ahead.

Cost: 4 B H L n b D FLOPs, 2 B H L (S / b) D for the choice, and copies of n times query, key and value;
memory linear in L. Decoding keeps all tokens. Keeps the own block and what looks relevant on the whole; loses
single keys in blocks that do not. Nothing new to learn. Approximate; exact where n b >= S.
Source: Lu et al. 2025, arXiv:2502.13189, section 2.2.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import Mask
from attnprobe.attention.foundation.plain import plain_attention
from attnprobe.attention.sparse.affinity import block_means, picked
from attnprobe.attention.sparse.chosen import attend_to_chosen
from attnprobe.attention.sparse.rows import narrowed
from attnprobe.errors import ShapeError


class MixtureOfBlocks(Core):
    """Attention to a query's own block and to the blocks whose mean key fits it best (MoBA).

    Args:
        block_size: Keys b of a block. Blocks begin at the first key, padding included.
        blocks: How many blocks n a query sees, its own among them.

    Raises:
        ShapeError: A size is below 1.
    """

    supports: ClassVar[frozenset[str]] = frozenset(
        ("causal", "bidirectional", "padding", "grouped", "decode")
    )

    def __init__(self, block_size: int = 64, blocks: int = 4) -> None:
        super().__init__()
        if block_size < 1 or blocks < 1:
            raise ShapeError(
                f"MixtureOfBlocks: block_size {block_size} and blocks {blocks}; both are at least 1"
            )
        self.block_size, self.blocks = block_size, blocks

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """Choose, sort the choices by block, attend block by block, put together."""
        chosen = self._chosen(query, key, mask)
        return attend_to_chosen(
            query, key, value, chosen, mask.padding, self.block_size, scale, mask.is_causal
        )

    def reference(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """Full attention under a mask with the blocks chosen."""
        numbers = torch.arange(key.shape[2], device=key.device) // self.block_size
        chosen = self._chosen(query, key, mask)
        visible = (chosen[..., None] == numbers).any(-2)  # [B, H, L, S]
        return plain_attention(query, key, value, narrowed(mask, visible), scale)

    def _chosen(self, query: Tensor, key: Tensor, mask: Mask) -> Tensor:
        """Numbers of blocks, [B, H, L, n]; -1: none."""
        means, is_real = block_means(key, mask.padding, self.block_size)
        return picked(query, means, is_real, self.block_size, self.blocks, key.shape[2], mask.is_causal)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"block_size={self.block_size}, blocks={self.blocks}"


attention = MixtureOfBlocks
