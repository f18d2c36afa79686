"""Ridge regression of a layer's input on its output by sums over tokens, held out.

Tokens fall into two halves, 16 neighbours at a time; what is fitted on one half is judged on the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from attnprobe.observing.calls import AttentionCall, StreamTensors
from attnprobe.observing.watcher import Watcher
from attnprobe.probes.representations.tokens import as_tokens, chunks, real_tokens

MOST_DIMS = 256
_NEIGHBOURS = 16
_RIDGE = 0.01  # of the variance of a standardised dim
_STILL = 1e-9  # of a dim's mean square: a variance below it is rounding
HALVES = ("first", "second")


class RecoverabilityWatcher(Watcher):
    """Sums, products and squares of entries y and exits x, [p] and [p, p], for both halves."""

    wants: ClassVar[frozenset[str]] = frozenset({"streams"})

    def __init__(self, has_residual: tuple[bool, ...], seed: int) -> None:
        """Args: has_residual of every site: whether its branch is added to its entry."""
        super().__init__()
        self._has_residual, self._seed = has_residual, seed

    def stream(self, call: AttentionCall, tensors: StreamTensors) -> None:
        """See `Watcher.stream`."""
        after = tensors.exit
        if after is None and tensors.branch is not None and tensors.entry is not None:
            if not self._has_residual[call.index]:
                after = tensors.branch
            elif tensors.branch.shape == tensors.entry.shape:
                after = tensors.entry + tensors.branch
        entry = None if tensors.entry is None else as_tokens(call, tensors.entry)
        exit_ = None if after is None else as_tokens(call, after)
        if entry is None or exit_ is None or entry.shape[:2] != exit_.shape[:2]:
            return
        half = half_of_tokens(*entry.shape[:2]).to(entry.device)
        for y, x, keep, which in chunks(entry, exit_, real_tokens(call, entry), half):
            self._add(call.index, projected(y, self._seed), projected(x.float(), self._seed), keep, which)

    def _add(self, site: int, y: Tensor, x: Tensor, keep: Tensor, half: Tensor) -> None:
        for number, name in enumerate(HALVES):
            chosen = keep & (half == number)
            own_x, own_y = x[chosen], y[chosen]
            self.sums.add(site, f"{name} tokens", chosen.sum())
            self.sums.add(site, f"{name} x", own_x.sum(0))
            self.sums.add(site, f"{name} y", own_y.sum(0))
            self.sums.add(site, f"{name} xx", own_x.mT @ own_x)
            self.sums.add(site, f"{name} xy", own_x.mT @ own_y)
            self.sums.add(site, f"{name} yy", own_y.square().sum(0))


def half_of_tokens(samples: int, length: int) -> Tensor:
    """0 or 1 for every token, in turns of 16 neighbours: [B, T]."""
    turn = torch.arange(length)[None] // _NEIGHBOURS + torch.arange(samples)[:, None]
    return turn % 2


def projected(states: Tensor, seed: int) -> Tensor:
    """[B, T, E] -> [B, T, p]: up to 256 dims as they are, else 256 sums of dims with random signs.

    Every dim goes into one of the sums, so the rows of the projection are orthogonal.
    """
    width = states.shape[-1]
    if width <= MOST_DIMS:
        return states
    order, signs = (part.to(states.device) for part in _draw(width, seed))
    signed = F.pad(states[..., order] * signs, (0, -width % MOST_DIMS))
    return signed.view(*states.shape[:-1], -1, MOST_DIMS).sum(-2)


@lru_cache(maxsize=8)
def _draw(width: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(width, generator=generator)
    return order, torch.randint(0, 2, (width,), generator=generator).float() * 2 - 1


def held_out_share(fit: Mapping[str, Tensor], judge: Mapping[str, Tensor]) -> float:
    """Mean over dims of R² = 1 - Σ (y - ŷ)² / Σ (y - ȳ)² on one half, fitted on the other.

    Both hold tokens [], x [p], y [r], xx [p, p], xy [p, r], yy [r] in float64. Dims that do not vary are left
    out; NaN when none does.
    """
    mean_x, mean_y = fit["x"] / fit["tokens"], fit["y"] / fit["tokens"]
    xx, xy, _ = _moments(fit, mean_x, mean_y)
    deviation = xx.diagonal().clamp_min(0).sqrt()
    scale = torch.where(deviation > 0, 1 / deviation, 0.0)
    standard = xx * scale[:, None] * scale + _RIDGE * torch.eye(len(scale), dtype=xx.dtype)
    weights = scale[:, None] * torch.linalg.solve(standard, scale[:, None] * xy)  # [p, r]
    xx, xy, yy = _moments(judge, mean_x, mean_y)
    error = yy - 2 * (weights * xy).sum(0) + (weights * (xx @ weights)).sum(0)
    variance = yy - (judge["y"] / judge["tokens"] - mean_y).square()
    varies = variance > _STILL * judge["yy"] / judge["tokens"]
    return float((1 - error[varies] / variance[varies]).mean())


def _moments(half: Mapping[str, Tensor], at_x: Tensor, at_y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Second moments about given points: [p, p], [p, r], and [r] of y alone."""
    count = half["tokens"]
    x, y = half["x"] / count, half["y"] / count
    crossed = torch.outer(x - at_x, at_x)
    xx = half["xx"] / count - torch.outer(at_x, x) - crossed
    xy = half["xy"] / count - torch.outer(at_x, y) - torch.outer(x - at_x, at_y)
    return xx, xy, half["yy"] / count - 2 * at_y * y + at_y.square()
