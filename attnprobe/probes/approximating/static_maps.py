"""Maps that depend on the distance between query and key alone."""

from __future__ import annotations

import torch
from torch import Tensor

from attnprobe.observing.calls import AttentionCall, RowBlock
from attnprobe.observing.sums import Sums
from attnprobe.probes.approximating.distances import by_offset, spread_out, without_distance
from attnprobe.probes.approximating.query_rows import QueryRows
from attnprobe.probes.approximating.sampling import is_last
from attnprobe.probes.approximating.watching import ApproximationWatcher, Found, relative_error, total

_FLAT = 1e-9  # below this share of the uniform map's energy, what differs from it is rounding


class StaticMapWatcher(ApproximationWatcher):
    """Sums the maps by offset; once all rows of a call are there, compares them with their mean by offset."""

    def __init__(self) -> None:
        super().__init__()
        self._scaled: Tensor | None = None  # Σ n p by offset, of the call that is being shown
        self._pairs: Tensor | None = None
        self._kept: list[QueryRows] = []

    def unsuited(self, call: AttentionCall) -> str:
        """See `ApproximationWatcher.unsuited`."""
        return without_distance(call.site)

    def look(self, call: AttentionCall, rows: QueryRows, block: RowBlock) -> None:
        """See `ApproximationWatcher.look`."""
        real = rows.valid[:, None, :, None]
        scaled = _scaled_by_offset(rows)
        pairs = by_offset(rows, (rows.visible & real).sum(0).double())
        self._scaled = scaled if self._scaled is None else self._scaled + scaled
        self._pairs = pairs if self._pairs is None else self._pairs + pairs
        chosen = rows.affordable(rows.thinning)
        self._kept += [chosen] if len(chosen.index) else []
        if is_last(call, block):
            self._compare(call.index, (self._scaled / self._pairs.clamp(min=1)).float())
            self._scaled, self._pairs, self._kept = None, None, []

    def _compare(self, site: int, mean: Tensor) -> None:
        """Args: mean of n p by offset, [H, 2 S - 1]."""
        for rows in self._kept:
            static = spread_out(mean, rows) * rows.visible
            static /= static.sum(-1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
            self.sums.add(site, "error", rows.energy(rows.mixed(static) * rows.total - rows.output))
            self.sums.add(site, "energy", rows.energy(rows.output))
            self.sums.add(site, "unexplained", rows.energy(rows.shares - static))
            self.sums.add(site, "differing", rows.energy(rows.beyond_uniform))
            self.sums.add(site, "uniform", rows.summed(1 / rows.keys.squeeze(-1)))


def _scaled_by_offset(rows: QueryRows) -> Tensor:
    """Σ over samples and queries of n p: [H, 2 S - 1]."""
    if rows.keys.shape[:2] == (1, 1):
        return by_offset(rows, rows.pooled, rows.keys[0])
    return by_offset(rows, (rows.shares * (rows.keys * rows.valid[:, None, :, None])).sum(0))


def numbers(sums: Sums, site: int) -> Found | None:
    """The metrics of `positional_heads`."""
    if sums.get(site, "energy") is None:
        return None
    differing, uniform = total(sums, site, "differing"), total(sums, site, "uniform")
    share = 1 - total(sums, site, "unexplained") / differing
    return {
        "relative_position_share": torch.where(differing > _FLAT * uniform, share, torch.nan),
        "static_error": relative_error(sums, site, "error"),
    }
