"""What sliding windows keep of the maps, with and without the first keys (sinks)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from attnprobe.observing.calls import AttentionCall, RowBlock
from attnprobe.observing.sums import Sums
from attnprobe.probes.approximating.distances import (
    BINS,
    bin_ends,
    bins_of,
    by_distance,
    by_offset,
    eighth,
    longest_sight,
    near,
    positions,
    sinks,
    without_distance,
)
from attnprobe.probes.approximating.query_rows import QueryRows
from attnprobe.probes.approximating.watching import (
    ApproximationWatcher,
    Found,
    ratio,
    relative_error,
    total,
)

FIXED = (16, 64, 256)


class WindowWatcher(ApproximationWatcher):
    """Keeps the mass by distance, and the error of a few windows."""

    def unsuited(self, call: AttentionCall) -> str:
        """See `ApproximationWatcher.unsuited`."""
        return without_distance(call.site)

    def look(self, call: AttentionCall, rows: QueryRows, block: RowBlock) -> None:
        """See `ApproximationWatcher.look`."""
        self.sums.add(call.index, "distance", by_distance(by_offset(rows, rows.pooled)))
        self.sums.add(call.index, "sink_distance", _sinks_by_distance(rows))
        self.sums.add(call.index, "queries", rows.count())
        sight = longest_sight(call).view(-1, 1) * rows.valid
        self.sums.add(call.index, "sight", sight.sum().expand(rows.heads))
        self._errors(call, rows.thinned)

    def _errors(self, call: AttentionCall, rows: QueryRows) -> None:
        self.sums.add(call.index, "energy", rows.energy(rows.output))
        self.sums.add(call.index, "thinned", rows.count())
        weights, values, distance = _sinks(rows)
        for name, window in _windows(call):
            kept = rows.weights * near(rows, window)
            output, mass = rows.mixed(kept), kept.sum(-1, keepdim=True)
            self.sums.add(call.index, f"error:{name}", rows.error_of_output(output, mass))
            is_beyond = distance > torch.as_tensor(window, device=distance.device).view(-1, 1, 1)
            beyond = weights * is_beyond[:, None]
            with_sinks = mass + beyond.sum(-1, keepdim=True)
            output = output + beyond @ values
            self.sums.add(call.index, f"sink_error:{name}", rows.error_of_output(output, with_sinks))
            if name == "eighth":
                for given, found in (("mass", mass), ("sink_mass", with_sinks)):
                    share = (found / rows.total).squeeze(-1).nan_to_num(0.0)
                    self.sums.add(call.index, f"{given}:eighth", rows.summed(share))


def _windows(call: AttentionCall) -> Iterator[tuple[str, int | Tensor]]:
    for window in FIXED:
        yield str(window), window
    yield "eighth", eighth(call)


def _sinks(rows: QueryRows) -> tuple[Tensor, Tensor, Tensor]:
    """Of the first four keys: weights [N, H, r, k], values [N, H, k, Dv], distances [N or 1, r, k]."""
    place, exists = sinks(rows.call)
    samples, heads, count, _ = rows.weights.shape
    wanted = place[:, None, None].expand(samples, heads, count, -1)
    weights = rows.weights.gather(3, wanted) * exists[:, None, None]
    place_of_value = place[:, None, :, None].expand(samples, rows.values.shape[1], -1, rows.values.shape[3])
    values = rows.values.gather(2, place_of_value)[:, list(rows.call.group_of_head)]
    return weights, values, (positions(rows)[:, None] - place[:, None]).abs()


def _sinks_by_distance(rows: QueryRows) -> Tensor:
    """What the first four keys get, by their distance from the query: [H, BINS]."""
    place, exists = sinks(rows.call)
    samples, heads, count, _ = rows.shares.shape
    wanted = place[:, None, None].expand(samples, heads, count, -1)
    is_real = exists[:, None, None] & rows.valid[:, None, :, None]
    given = (rows.shares.gather(3, wanted) * is_real).double()
    distance = (positions(rows)[:, None] - place[:, None]).abs().expand(samples, -1, -1)
    sums = given.new_zeros(heads, BINS)
    return sums.index_add_(1, bins_of(distance.flatten()), given.transpose(0, 1).flatten(1))


def numbers(sums: Sums, site: int) -> Found | None:
    """The metrics of `window_approximation`."""
    if sums.get(site, "queries") is None:
        return None
    queries = total(sums, site, "queries")[:, None]
    by_bin, of_sinks = total(sums, site, "distance"), total(sums, site, "sink_distance")
    within = ratio(by_bin.cumsum(1), queries)
    with_sinks = ratio((by_bin - of_sinks).cumsum(1) + of_sinks.sum(1, keepdim=True), queries)
    found = {
        "window_for_95": _window_for(0.95, within),
        "window_for_99": _window_for(0.99, within),
        "sink_window_for_99": _window_for(0.99, with_sinks),
    }
    sight = ratio(total(sums, site, "sight"), queries[:, 0])
    found["window_for_99_share"] = found["window_for_99"] / sight
    for window in FIXED:
        place = int(bins_of(torch.tensor(window)))
        found[f"window_{window}_mass"] = within[:, place]
        found[f"sink_window_{window}_mass"] = with_sinks[:, place]
    thinned = total(sums, site, "thinned")
    found["window_eighth_mass"] = ratio(total(sums, site, "mass:eighth"), thinned)
    found["sink_window_eighth_mass"] = ratio(total(sums, site, "sink_mass:eighth"), thinned)
    for name in (*map(str, FIXED), "eighth"):
        found[f"window_{name}_error"] = relative_error(sums, site, f"error:{name}")
        found[f"sink_window_{name}_error"] = relative_error(sums, site, f"sink_error:{name}")
    return found


def _window_for(share: float, within: Tensor) -> Tensor:
    """The smallest window that holds this share of the mass: [H, BINS] -> [H]."""
    is_enough = within >= share * within[:, -1:] - 1e-6
    found = bin_ends()[is_enough.int().argmax(1)].double()
    return torch.where(within[:, -1].isnan(), torch.nan, found)
