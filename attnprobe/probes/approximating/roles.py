"""Where each head looks: near, at the first keys, or at something far away."""

from __future__ import annotations

import torch
from torch import Tensor

from attnprobe.observing.calls import AttentionCall, RowBlock
from attnprobe.observing.sums import Sums
from attnprobe.probes.approximating.distances import eighth, near, sinks, without_distance
from attnprobe.probes.approximating.query_rows import QueryRows
from attnprobe.probes.approximating.watching import ApproximationWatcher, Found, ratio, total


class RoleWatcher(ApproximationWatcher):
    """Adds the mass of three sets of keys that together are all: near, sinks beyond, far."""

    needs_values = False

    def unsuited(self, call: AttentionCall) -> str:
        """See `ApproximationWatcher.unsuited`."""
        return without_distance(call.site)

    def look(self, call: AttentionCall, rows: QueryRows, block: RowBlock) -> None:
        """See `ApproximationWatcher.look`."""
        rows = rows.thinned
        is_near = near(rows, eighth(call))  # [N or 1, 1, r, S]
        is_sink = sink_keys(rows) & ~is_near
        far = rows.weights * ~(is_near | is_sink)
        of_far = rows.share(far)
        found = {
            "near": rows.share(rows.weights * is_near),
            "near_of_uniform": (rows.uniform * is_near).sum(-1),
            "sink": rows.share(rows.weights * is_sink),
            "far": of_far,
            "largest_far": (far.amax(-1) / rows.total.squeeze(-1)).nan_to_num(0.0),
            "queries": of_far.new_ones(()).expand(1, 1, of_far.shape[2]),
        }
        for name, share in found.items():
            self.sums.add(call.index, name, rows.summed(share))


def sink_keys(rows: QueryRows) -> Tensor:
    """Which keys are the first four real ones: bool [N or 1, 1, 1, S]."""
    place, exists = sinks(rows.call)
    marked = torch.zeros(place.shape[0], rows.weights.shape[3], dtype=torch.bool, device=place.device)
    return marked.scatter_(1, place, exists)[:, None, None]


def numbers(sums: Sums, site: int) -> Found | None:
    """The metrics of `head_roles`."""
    if sums.get(site, "queries") is None:
        return None
    queries, far = total(sums, site, "queries"), total(sums, site, "far")
    return {
        "near_mass_lift": ratio(total(sums, site, "near"), total(sums, site, "near_of_uniform")),
        "distant_sink_mass": ratio(total(sums, site, "sink"), queries),
        "far_mass": ratio(far, queries),
        "far_mass_sharpness": ratio(total(sums, site, "largest_far"), far),
    }
