"""Maps that do not read the content: the uniform one, and what is the same in every sample."""

from __future__ import annotations

import torch
from torch import Tensor

from attnprobe.observing.calls import AttentionCall, RowBlock
from attnprobe.observing.sums import Sums
from attnprobe.probes.approximating.distances import BINS, bins_of
from attnprobe.probes.approximating.query_rows import QueryRows
from attnprobe.probes.approximating.watching import ApproximationWatcher, Found, ratio, relative_error, total

_FLAT = 1e-9  # below this share of the uniform map's energy, what differs from it is rounding
_ONE_SAMPLE = "no batch has two samples whose maps could be compared"


class SimpleMapWatcher(ApproximationWatcher):
    """Adds the error of the uniform map, and what of the maps does not depend on the content."""

    def look(self, call: AttentionCall, rows: QueryRows, block: RowBlock) -> None:
        """See `ApproximationWatcher.look`."""
        self._add_by_key(call.index, rows)
        self._add_uniform(call.index, rows.thinned)
        self._add_constant(call.index, rows.thinned)

    def _add_by_key(self, site: int, rows: QueryRows) -> None:
        """What keys get beyond the uniform map, by bins of their position."""
        pairs = (rows.visible & rows.valid[:, None, :, None]).sum((0, 2)).expand(rows.heads, -1)
        beyond_uniform = rows.shares - rows.uniform
        squares = torch.linalg.vector_norm(beyond_uniform, dim=-1).double().square()
        self.sums.add(site, "differing", rows.summed(squares))
        self.sums.add(site, "uniform", rows.summed(1 / rows.keys.squeeze(-1)))
        of_keys = (rows.valid[:, None, None].float() @ beyond_uniform).sum((0, 2))
        by_key = torch.stack([of_keys, pairs]).double()  # [2, H, S]
        place = bins_of(torch.arange(by_key.shape[2], device=by_key.device))
        beyond, count = by_key.new_zeros(2, rows.heads, BINS).index_add_(2, place, by_key)
        self.sums.add(site, "beyond", beyond)
        self.sums.add(site, "pairs", count)

    def _add_uniform(self, site: int, rows: QueryRows) -> None:
        self.sums.add(site, "energy", rows.energy(rows.output))
        mean = rows.mixed(rows.uniform)
        self.sums.add(site, "error", rows.energy(mean * rows.total - rows.output))

    def _add_constant(self, site: int, rows: QueryRows) -> None:
        """Products of the maps of different samples, and of each with itself, beyond the uniform map."""
        own = rows.beyond_uniform.square().sum((0, 3))  # [H, r]
        across = rows.beyond_uniform.sum(0).square().sum(-1) - own
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
        "key_position_share": _told_by_position(sums, site),
        "constant_map_share": ratio(alike, own) if bool(own.any()) else _ONE_SAMPLE,
    }


def _told_by_position(sums: Sums, site: int) -> Tensor:
    """R² of p - 1 / n on the bins of the key's position: [H]; NaN for uniform maps."""
    beyond, pairs = total(sums, site, "beyond"), total(sums, site, "pairs")
    differing, uniform = total(sums, site, "differing"), total(sums, site, "uniform")
    told = (beyond.square() / pairs.clamp(min=1)).sum(1)
    return torch.where(differing > _FLAT * uniform, told / differing, torch.nan)
