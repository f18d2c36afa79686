"""Which share of what the maps hold beyond the uniform ones is told by a position alone."""

from __future__ import annotations

import torch
from torch import Tensor

from attnprobe.observing.sums import Sums
from attnprobe.probes.approximating.query_rows import QueryRows
from attnprobe.probes.approximating.watching import total

_FLAT = 1e-9  # relative variance of the weights below which it is rounding


def visible_pairs(rows: QueryRows) -> Tensor:
    """How many samples have a real query that sees the key: [H or 1, r, S]."""
    return (rows.visible & rows.valid[:, None, :, None]).sum(0).double()


def add_explained(sums: Sums, site: int, rows: QueryRows, beyond: Tensor, pairs: Tensor) -> None:
    """Add what `explained_share` needs.

    Args:
        sums: Of a watcher.
        site: Its number.
        rows: A block of queries.
        beyond: Σ of n p - 1 over the pairs of query and key in each bin of positions, [H, bins].
        pairs: Their number, [H, bins].
    """
    sums.add(site, "beyond", beyond)
    sums.add(site, "pairs", pairs)
    of_rows = torch.linalg.vector_norm(rows.centred, dim=-1).double().square()
    sums.add(site, "variance", of_rows.sum((0, 2)))


def explained_share(sums: Sums, site: int) -> Tensor:
    """R² of n p, n keys being visible, on the bins of positions: [H]; NaN for uniform maps."""
    beyond, pairs = total(sums, site, "beyond"), total(sums, site, "pairs")
    variance = total(sums, site, "variance")
    told = (beyond.square() / pairs.clamp(min=1)).sum(1)
    return torch.where(variance > _FLAT * pairs.sum(1), told / variance, torch.nan)
