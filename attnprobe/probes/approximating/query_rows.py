"""Rows of an attention map together with the values that they mix."""

from __future__ import annotations

from functools import cached_property
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from attnprobe.observing.calls import AttentionCall, RowBlock
from attnprobe.observing.maps import AttentionMap
from attnprobe.probes.approximating.sampling import sample_numbers, sample_size

_FULL_SAMPLE = 2**16  # query-key pairs of one head; a sample with more is thinned, to a quarter at most
_MOST_THINNED = 4
_KEPT_BYTES = 2**25
_FEWEST_KEPT = 32


class QueryRows:
    """Some queries of one call.

    index [r], weights [N, H, r, S] (what each query gives to each key), visible bool [N or 1, H or 1, r, S],
    valid bool [N, r]: False for padded queries and those that see no key.
    """

    def __init__(
        self, call: AttentionCall, index: Tensor, weights: Tensor, visible: Tensor, valid: Tensor
    ) -> None:
        self.call, self.index, self.weights, self.visible, self.valid = call, index, weights, visible, valid
        self._parts: dict[int, QueryRows] = {}

    @property
    def heads(self) -> int:
        """H."""
        return self.weights.shape[1]

    @cached_property
    def total(self) -> Tensor:
        """What each query gives to all keys together, 1 under a softmax: [N, H, r, 1]."""
        return self.weights.sum(-1, keepdim=True)

    @cached_property
    def keys(self) -> Tensor:
        """How many keys each query sees, at least 1: [N or 1, H or 1, r, 1]."""
        return self.visible.sum(-1, keepdim=True).clamp_(min=1)

    @cached_property
    def uniform(self) -> Tensor:
        """The map that gives every visible key the same: [N or 1, H or 1, r, S]."""
        return self.visible / self.keys

    @cached_property
    def shares(self) -> Tensor:
        """Weights as shares of their row: [N, H, r, S]."""
        assert self.call.map is not None
        if self.call.map.is_softmax:
            return self.weights
        return self.weights / self.total.clamp(min=torch.finfo(torch.float32).tiny)

    @cached_property
    def pooled(self) -> Tensor:
        """Σ over samples of the shares of real queries: [H, r, S]."""
        real = self.shares if bool(self.valid.all()) else self.shares * self.valid[:, None, :, None]
        return real[0] if len(real) == 1 else real.sum(0)

    @cached_property
    def beyond_uniform(self) -> Tensor:
        """How the shares differ from those of the uniform map: [N, H, r, S]; 0 where a query is not real."""
        return (self.shares - self.uniform).mul_(self.valid[:, None, :, None])

    @cached_property
    def values(self) -> Tensor:
        """[N, G, S, Dv] in fp32."""
        return values_of(self.call)

    @cached_property
    def output(self) -> Tensor:
        """What the map makes of the values: [N, H, r, Dv]."""
        return self.mixed(self.weights)

    def mixed(self, weights: Tensor) -> Tensor:
        """[N or 1, H or 1, r, S] times the values of each head -> [N, H, r, Dv]."""
        groups, num_groups = self.call.group_of_head, self.values.shape[1]
        if weights.shape[1] == 1:
            return (weights @ self.values)[:, list(groups)]
        if groups == tuple(range(num_groups)):
            return weights @ self.values
        copies = len(groups) // num_groups
        if groups == tuple(head // copies for head in range(len(groups))):
            samples, _, rows, keys = weights.shape
            grouped = weights.reshape(samples, num_groups, copies * rows, keys) @ self.values
            return grouped.view(len(grouped), len(groups), rows, grouped.shape[3])
        return weights @ self.values[:, list(groups)]

    def energy(self, output: Tensor) -> Tensor:
        """Σ of squares over real queries: [N, H, r, Dv] -> [H]."""
        return (output.square().sum(-1) * self.valid[:, None]).sum((0, 2))

    def summed(self, shares: Tensor) -> Tensor:
        """Σ over real queries: [N or 1, H or 1, r] -> [H]."""
        wanted = (self.valid.shape[0], self.heads, self.valid.shape[1])
        return (shares.expand(wanted) * self.valid[:, None]).sum((0, 2))

    def count(self) -> Tensor:
        """How many real queries there are, for every head: [H]."""
        return self.valid.sum().expand(self.heads)

    def share(self, kept: Tensor) -> Tensor:
        """Which share of a query's weights was kept: [N, H, r]."""
        found = kept.sum(-1, keepdim=True) / self.total
        return found.squeeze(-1).nan_to_num(0.0)

    def error_of(self, kept: Tensor) -> Tensor:
        """‖A_X V - A V‖² when only some weights are kept: [N, H, r, S] -> [H]."""
        return self.error_of_output(self.mixed(kept), kept.sum(-1, keepdim=True))

    def error_of_output(self, output: Tensor, mass: Tensor) -> Tensor:
        """The same from what the kept weights make of the values, before these are scaled up again.

        Args:
            output: [N, H, r, Dv].
            mass: Sum of the kept weights [N, H, r, 1]. Where it is 0 the output stays 0.
        """
        scale = torch.where(mass > 0, self.total / mass, 0.0)
        return self.energy(output * scale - self.output)

    @cached_property
    def thinned(self) -> QueryRows:
        """Every second or fourth of the queries where all together have too many keys."""
        return self.every(self.thinning)

    @property
    def thinning(self) -> int:
        """One of how many sampled queries is left in `thinned`."""
        pairs = sample_size(self.call) * self.weights.shape[3]
        return min(max(pairs // _FULL_SAMPLE, 1), _MOST_THINNED)

    def affordable(self, step: int) -> QueryRows:
        """Every `step`-th query; fewer, but no fewer than 32, where the weights of all would exceed 32 MiB.

        For what needs all rows of a call at once.
        """
        samples, heads, _, keys = self.weights.shape
        room = max(_KEPT_BYTES // max(4 * samples * heads * keys, 1), _FEWEST_KEPT)
        return self.every(max(step, -(-sample_size(self.call) // room)))

    def every(self, step: int) -> QueryRows:
        """Every `step`-th query of the whole sample, in turn from each place within a step. May be none."""
        if step == 1:
            return self
        if step not in self._parts:
            self._parts[step] = self._chosen(step)
        return self._parts[step]

    def _chosen(self, step: int) -> QueryRows:
        number = sample_numbers(self.call, self.index)
        chosen = (number % step == number // step % step).nonzero().squeeze(1)
        return QueryRows(
            self.call,
            self.index[chosen],
            self.weights.index_select(2, chosen),
            self.visible.index_select(2, chosen),
            self.valid[:, chosen],
        )


# Of the call that is being shown: both go with its map.
_shared: WeakKeyDictionary[AttentionMap, QueryRows] = WeakKeyDictionary()
_values: WeakKeyDictionary[AttentionMap, Tensor] = WeakKeyDictionary()


def rows_of(call: AttentionCall, block: RowBlock) -> QueryRows:
    """The rows of a block. Probes that are shown the same block share what they compute of it."""
    assert call.map is not None
    found = _shared.get(call.map)
    if found is None or found.weights is not block.probabilities:
        found = QueryRows(call, block.index, block.probabilities, block.visible, block.valid)
        _shared[call.map] = found
    return found


def values_of(call: AttentionCall) -> Tensor:
    """The values of a call in fp32, made once: [N, G, S, Dv]."""
    assert call.map is not None
    assert call.value is not None
    found = _values.get(call.map)
    if found is None:
        found = _values[call.map] = call.value.float().contiguous()
    return found
