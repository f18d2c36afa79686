"""What the largest weights of each query keep of the maps."""

from __future__ import annotations

import torch
from torch import Tensor

from attnprobe.observing.calls import AttentionCall, RowBlock
from attnprobe.observing.sums import Sums
from attnprobe.probes.approximating.query_rows import QueryRows
from attnprobe.probes.approximating.watching import (
    ApproximationWatcher,
    Found,
    ratio,
    relative_error,
    total,
)

FEW = 8
_ROUNDING = 1e-6


class TopKeyWatcher(ApproximationWatcher):
    """Keeps what the most attended keys of each query hold, and the error of dropping the others."""

    def look(self, call: AttentionCall, rows: QueryRows, block: RowBlock) -> None:
        """See `ApproximationWatcher.look`."""
        rows = rows.thinned
        if not len(rows.index):
            return
        sorted_weights, order = rows.weights.sort(-1, descending=True)
        within = (sorted_weights.cumsum(-1) / rows.total).nan_to_num_(0.0)
        tenth, quarter = _share_of(rows.keys, 10), _share_of(rows.keys, 4)
        needed = (within < 0.9 - _ROUNDING).sum(-1, keepdim=True).add_(1).minimum(rows.keys)
        found = {
            "tenth": _at(within, tenth),
            "quarter": _at(within, quarter),
            "needed": needed.squeeze(-1),
            "needed_share": (needed / rows.keys).squeeze(-1),
        }
        for name, value in found.items():
            self.sums.add(call.index, name, rows.summed(value))
        self.sums.add(call.index, "queries", rows.count())
        self.sums.add(call.index, "energy", rows.energy(rows.output))
        for name, count in (("few", rows.keys.clamp(max=FEW)), ("tenth", tenth)):
            kept = _largest(rows, sorted_weights, order, count)
            self.sums.add(call.index, f"error:{name}", rows.error_of(kept))


def _share_of(keys: Tensor, part: int) -> Tensor:
    """⌈keys / part⌉."""
    return (keys + part - 1) // part


def _at(within: Tensor, count: Tensor) -> Tensor:
    """What the first `count` [N or 1, H or 1, r, 1] of the sorted keys hold: [N, H, r]."""
    return within.gather(-1, (count - 1).expand(*within.shape[:3], 1)).squeeze(-1)


def _largest(rows: QueryRows, sorted_weights: Tensor, order: Tensor, count: Tensor) -> Tensor:
    """The map with all but the `count` largest weights of each query put to 0."""
    most = int(count.max())
    is_kept = torch.arange(most, device=count.device) < count
    kept = torch.zeros_like(rows.weights)
    return kept.scatter_(-1, order[..., :most], sorted_weights[..., :most] * is_kept)


def numbers(sums: Sums, site: int) -> Found | None:
    """The metrics of `top_key_approximation`."""
    if sums.get(site, "queries") is None:
        return None
    queries = total(sums, site, "queries")
    return {
        "top_tenth_mass": ratio(total(sums, site, "tenth"), queries),
        "top_quarter_mass": ratio(total(sums, site, "quarter"), queries),
        "keys_for_90": ratio(total(sums, site, "needed"), queries),
        "keys_for_90_share": ratio(total(sums, site, "needed_share"), queries),
        "top_8_error": relative_error(sums, site, "error:few"),
        "top_tenth_error": relative_error(sums, site, "error:tenth"),
    }
