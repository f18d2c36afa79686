"""Maps that depend on the distance between query and key alone."""

from __future__ import annotations

from torch import Tensor

from attnprobe.observing.calls import AttentionCall, RowBlock
from attnprobe.observing.sums import Sums
from attnprobe.probes.approximating.distances import (
    by_offset,
    by_signed_distance,
    spread_out,
    without_distance,
)
from attnprobe.probes.approximating.explained import add_explained, explained_share, visible_pairs
from attnprobe.probes.approximating.query_rows import QueryRows, is_last
from attnprobe.probes.approximating.watching import ApproximationWatcher, Found, relative_error


class StaticMapWatcher(ApproximationWatcher):
    """Sums the maps by offset; with all rows of a call at hand, adds the error of their mean by offset."""

    def __init__(self) -> None:
        super().__init__()
        self._beyond: Tensor | None = None  # by offset, of the call that is being shown
        self._pairs: Tensor | None = None
        self._shown: list[QueryRows] = []

    def unsuited(self, call: AttentionCall) -> str:
        """See `ApproximationWatcher.unsuited`."""
        return without_distance(call.site)

    def look(self, call: AttentionCall, rows: QueryRows, block: RowBlock) -> None:
        """See `ApproximationWatcher.look`."""
        beyond = by_offset(rows, rows.centred.sum(0))
        pairs = by_offset(rows, visible_pairs(rows)).expand(rows.heads, -1)
        add_explained(self.sums, call.index, rows, by_signed_distance(beyond), by_signed_distance(pairs))
        self._beyond = beyond if self._beyond is None else self._beyond + beyond
        self._pairs = pairs if self._pairs is None else self._pairs + pairs
        self.sums.add(call.index, "energy", rows.thinned.energy(rows.thinned.output))
        self._shown.append(rows.thinned.without_weights())
        if is_last(call, block):
            self._add_error(call.index, self._beyond / self._pairs.clamp(min=1) + 1.0)
            self._beyond, self._pairs, self._shown = None, None, []

    def _add_error(self, site: int, mean: Tensor) -> None:
        """Args: mean of n p by offset, [H, 2 S - 1]."""
        mean = mean.float().clamp_(min=0.0)
        for rows in self._shown:
            static = spread_out(mean, rows) * rows.visible
            error = rows.error_of_output(rows.mixed(static), static.sum(-1, keepdim=True))
            self.sums.add(site, "error", error)


def numbers(sums: Sums, site: int) -> Found | None:
    """The metrics of `positional_heads`."""
    if sums.get(site, "energy") is None:
        return None
    return {
        "relative_position_share": explained_share(sums, site),
        "static_error": relative_error(sums, site, "error"),
    }
