"""Maps that do not read the content: the uniform one, and what is the same in every sample."""

from __future__ import annotations

import torch

from attnprobe.observing.calls import AttentionCall, RowBlock
from attnprobe.observing.sums import Sums
from attnprobe.probes.approximating.distances import BINS, bins_of
from attnprobe.probes.approximating.explained import add_explained, explained_share, visible_pairs
from attnprobe.probes.approximating.query_rows import QueryRows
from attnprobe.probes.approximating.watching import ApproximationWatcher, Found, ratio, relative_error, total

_ONE_SAMPLE = "no batch has two samples whose maps could be compared"


class SimpleMapWatcher(ApproximationWatcher):
    """Adds the error of the uniform map, and what of the maps does not depend on the content."""

    def look(self, call: AttentionCall, rows: QueryRows, block: RowBlock) -> None:
        """See `ApproximationWatcher.look`."""
        by_key = torch.stack(
            [rows.centred.sum((0, 2)).double(), visible_pairs(rows).sum(1).expand(rows.heads, -1)]
        )
        place = bins_of(torch.arange(by_key.shape[2], device=by_key.device))
        beyond, pairs = by_key.new_zeros(2, rows.heads, BINS).index_add_(2, place, by_key)
        add_explained(self.sums, call.index, rows, beyond, pairs)
        thinned = rows.thinned
        self._add_uniform(call.index, thinned)
        self._add_constant(call.index, thinned)

    def _add_uniform(self, site: int, rows: QueryRows) -> None:
        self.sums.add(site, "energy", rows.energy(rows.output))
        mean = rows.mixed(rows.uniform)
        self.sums.add(site, "error", rows.energy(mean * rows.total - rows.output))

    def _add_constant(self, site: int, rows: QueryRows) -> None:
        """Products of the maps of different samples, and of each with itself, beyond the uniform map."""
        own = rows.centred.square().sum((0, 3))  # [H, r]
        across = rows.centred.sum(0).square().sum(-1) - own
        others = (rows.valid.sum(0) - 1).clamp(min=0)
        alike = torch.where(others > 0, across / others.clamp(min=1), 0.0)
        self.sums.add(site, "alike", alike.double().sum(1))
        self.sums.add(site, "own", (own * (others > 0)).double().sum(1))


def numbers(sums: Sums, site: int) -> Found | None:
    """The metrics of `simple_approximation`."""
    if sums.get(site, "energy") is None:
        return None
    alike, own = total(sums, site, "alike"), total(sums, site, "own")
    return {
        "uniform_error": relative_error(sums, site, "error"),
        "key_position_share": explained_share(sums, site),
        "constant_map_share": ratio(alike, own) if bool(own.any()) else _ONE_SAMPLE,
    }
