"""Rotary positions: the score of a query and a key depends on how far they are apart."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from attnprobe.errors import ShapeError


class Rotary(nn.Module):
    """Turns pairs of features of queries and keys by angles that grow with the position.

    Pair i of D/2 turns by position · base^(-2i/D). Angles are computed in float32, also for half dtypes.
    Source: Su et al. 2021, arXiv:2104.09864, section 3.2.

    Args:
        head_dim: Width D of the heads.
        base: Of the wavelengths.
        rotary_dim: Features that turn, the first ones; the rest stay. None: all.
        is_interleaved: Pairs are neighbours (2i, 2i + 1), as in the paper; else halves (i, i + D/2), as in
            Llama.
    """

    inverse_wavelengths: Tensor

    def __init__(
        self,
        head_dim: int,
        *,
        base: float = 10000.0,
        rotary_dim: int | None = None,
        is_interleaved: bool = False,
    ) -> None:
        super().__init__()
        width = head_dim if rotary_dim is None else rotary_dim
        if width % 2 or width > head_dim:
            raise ShapeError(f"rotary_dim is {width}; expected an even number up to head_dim ({head_dim})")
        self.width, self.is_interleaved = width, is_interleaved
        frequencies = base ** -(torch.arange(0, width, 2, dtype=torch.float64) / width)
        self.register_buffer("inverse_wavelengths", frequencies, persistent=False)

    def _apply(self, fn: object, recurse: bool = True) -> Rotary:
        """Moves to another device, but keeps float64: bfloat16 cannot tell position 256 from 257."""
        kept = self.inverse_wavelengths
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.inverse_wavelengths = kept.to(self.inverse_wavelengths.device)
        return self

    def forward(self, query: Tensor, key: Tensor, offset: int = 0) -> tuple[Tensor, Tensor]:
        """Query [B, H, L, D] and key [B, G, S, D], turned; both end at position offset + S - 1.

        Args:
            query: [B, H, L, D].
            key: [B, G, S, D].
            offset: Tokens before the first key, such as those in a cache.
        """
        ahead = key.shape[2] - query.shape[2]
        return self.turned(query, offset + ahead), self.turned(key, offset)

    def turned(self, x: Tensor, offset: int) -> Tensor:
        """[..., S, D] whose first token stands at `offset`."""
        positions = torch.arange(offset, offset + x.shape[-2], device=x.device)
        angles = positions.to(self.inverse_wavelengths)[:, None] * self.inverse_wavelengths  # [S, D/2]
        wide = torch.float64 if x.dtype == torch.float64 else torch.float32
        cosine, sine = angles.cos().to(wide), angles.sin().to(wide)
        turning = x[..., : self.width].to(wide)
        if self.is_interleaved:
            first, second = turning[..., 0::2], turning[..., 1::2]
        else:
            first, second = turning.chunk(2, dim=-1)
        pair = (first * cosine - second * sine, first * sine + second * cosine)
        out = torch.stack(pair, dim=-1).flatten(-2) if self.is_interleaved else torch.cat(pair, dim=-1)
        return torch.cat((out.to(x.dtype), x[..., self.width :]), dim=-1)
