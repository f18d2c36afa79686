"""Every block of queries sees some blocks of keys, by a fixed layout.

    out_i = softmax_j(query_i · key_j · scale) @ value_j,  block(j) in layout(block(i))
                                                                        [B, H, L, D] -> [B, H, L, Dv]

    bigbird:  own and neighbouring blocks, first and last one, random ones: n in all; first and last row: all
    strided:  the n nearest blocks and every n-th block
    fixed:    the own stretch of n blocks and the last block of every stretch

Cost: bigbird 4 B H L n b D FLOPs (without causality 8 B H S b D more, for two global rows), the others
4 B H L (n + S / (n b)) b D; memory linear in L and S. Decoding keeps all tokens.
Keeps paths of two or three steps between any tokens, loses most direct ones. Retrain; full attention where
the layout names all blocks. Source: bigbird: Zaheer et al. 2020, arXiv:2007.14062, section 2 and appendix D,
random blocks drawn by a fixed hash; strided and fixed: Child et al. 2019, arXiv:1904.10509, section 4.3, here
in units of blocks.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from attnprobe.attention.foundation.core import Core
from attnprobe.attention.foundation.masks import Mask
from attnprobe.attention.foundation.plain import plain_attention
from attnprobe.attention.sparse.layouts import LAYOUTS
from attnprobe.attention.sparse.rows import Row, Rule, attend_rows, merged, narrowed, positions
from attnprobe.errors import ShapeError


class BlockSparse(Core):
    """Attention between blocks that a layout names.

    Args:
        block_size: Tokens b of a block. Blocks begin at the first key, padding included.
        blocks: Blocks n that one sees; of the strided and fixed layout the stride.
        layout: "bigbird", "strided" or "fixed".

    Raises:
        ShapeError: A size is below 1, or there is no such layout.
    """

    supports: ClassVar[frozenset[str]] = frozenset(
        ("causal", "bidirectional", "padding", "segments", "dense", "bias", "grouped", "decode")
    )
    has_linear_memory: ClassVar[bool] = True

    def __init__(self, block_size: int = 64, blocks: int = 8, layout: str = "bigbird") -> None:
        super().__init__()
        if block_size < 1 or blocks < 1:
            raise ShapeError(f"BlockSparse: block_size {block_size} and blocks {blocks}; both are at least 1")
        if layout not in LAYOUTS:
            raise ShapeError(f"BlockSparse: no layout '{layout}'", hint=f"There are {', '.join(LAYOUTS)}.")
        self.block_size, self.blocks, self.layout = block_size, blocks, layout

    def attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """A loop of fused calls, one for a block of queries and the blocks that it sees."""
        rows = self._rows(query.shape[2], key.shape[2], mask.is_causal)
        rule: Rule | None = _not_later if mask.is_causal else None
        return attend_rows(query, key, value, mask, scale, rows, rule)

    def reference(self, query: Tensor, key: Tensor, value: Tensor, mask: Mask, scale: float) -> Tensor:
        """Full attention under a mask with the layout."""
        query_at, key_at = positions(query.shape[2], key.shape[2], query.device)
        rows = -(-key.shape[2] // self.block_size)
        layout = torch.zeros(rows, rows, dtype=torch.bool)
        for row in range(rows):
            layout[row, self._seen(row, key.shape[2], mask.is_causal)] = True
        seen = layout.to(query.device)[query_at // self.block_size, key_at // self.block_size]
        return plain_attention(query, key, value, narrowed(mask, seen & (query_at >= 0)), scale)

    def _rows(self, q_len: int, kv_len: int, is_causal: bool) -> list[Row]:
        """Blocks lie on multiples of the block's size, as keys count; queries before all keys see none."""
        shift, size = kv_len - q_len, self.block_size
        rows = [Row(0, min(-shift, q_len), ())] if shift < 0 else []
        for number in range(max(shift, 0) // size, -(-kv_len // size)):
            start, stop = max(number * size, shift, 0) - shift, min((number + 1) * size, kv_len) - shift
            seen = self._seen(number, kv_len, is_causal)
            rows.append(Row(start, stop, merged(((at * size, (at + 1) * size) for at in seen), kv_len)))
        return rows

    def _seen(self, row: int, kv_len: int, is_causal: bool) -> list[int]:
        rows = -(-kv_len // self.block_size)
        found = LAYOUTS[self.layout](row, rows, self.blocks, is_causal)
        return [block for block in range(rows) if block in found]

    def extra_repr(self) -> str:
        """Sizes and layout."""
        return f"block_size={self.block_size}, blocks={self.blocks}, layout='{self.layout}'"


def _not_later(query: Tensor, key: Tensor) -> Tensor:
    return key <= query


attention = BlockSparse
