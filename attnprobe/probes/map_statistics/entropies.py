"""Watches how evenly each query spreads its attention."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from attnprobe.observing.calls import AttentionCall, RowBlock
from attnprobe.observing.maps import AttentionMap
from attnprobe.probes.map_statistics.watching import MapWatcher, real_queries


class EntropyWatcher(MapWatcher):
    """Sums over queries, by head: entropies (of all), largest probabilities and distances (of a sample)."""

    wants: ClassVar[frozenset[str]] = frozenset({"rows"})

    def seen(self, call: AttentionCall, attention: AttentionMap) -> None:
        """Entropies of all real queries."""
        entropy = attention.entropy().double()  # [N, H, L]
        keys = attention.visible().double()
        real = real_queries(call, attention)
        normalised = entropy / keys.clamp(min=2).log()
        self.add_mean(call.index, "entropy", entropy, real)
        self.add_mean(call.index, "keys", keys.expand_as(entropy), real)
        self.add_mean(call.index, "normalised", normalised, real & (keys >= 2))
        self.add_mean(call.index, "squared", normalised.square(), real & (keys >= 2))

    def rows(self, call: AttentionCall, block: RowBlock) -> None:
        """Largest probability, and distance from uniform attention, of sampled queries."""
        if call.index in self.missing:
            return
        probabilities, valid = block.probabilities, block.valid[:, None]
        uniform = 1 / block.visible.sum(-1, keepdim=True).clamp(min=1)
        above = (probabilities - uniform).clamp_(min=0).sum(-1)  # hidden keys have nothing above it
        self.add_mean(call.index, "largest", probabilities.amax(-1), valid)
        self.add_mean(call.index, "distance", above, valid)

    def spread(self, site: int) -> Tensor:
        """Standard deviation of the normalised entropy over queries, [H]."""
        return (self.mean(site, "squared") - self.mean(site, "normalised").square()).clamp(min=0).sqrt()
