"""Watches what each key receives, from whom, and how far away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from attnprobe.observing.calls import AttentionCall, Batch, RowBlock
from attnprobe.observing.maps import AttentionMap
from attnprobe.probes.map_statistics.watching import MapWatcher, real_queries

FIRST = 4  # positions among which a sink is looked for
UNATTENDED = 0.1  # of what uniform attention would give
_Tokens = tuple[str, bool, int, int]  # role, is_causal, samples, keys: sites of which share their keys


@dataclass(frozen=True, slots=True)
class _Visibility:
    """What the mask alone lets each key receive."""

    fair: Tensor  # what uniform attention of the same queries would give: [N, H or 1, S]
    receivers: Tensor  # real queries that see the key: [N, H or 1, S]
    later: float  # share of the pairs (query, later key) that are visible


class KeyMassWatcher(MapWatcher):
    """Sums by head over samples, keys or queries; all of them free of the sequence length."""

    wants: ClassVar[frozenset[str]] = frozenset({"rows"})

    def __init__(self) -> None:
        super().__init__()
        self._attended: dict[_Tokens, tuple[Tensor, Tensor]] = {}  # of this batch: by some head; visible
        self._sees_later: dict[int, bool] = {}

    def seen(self, call: AttentionCall, attention: AttentionMap) -> None:
        """Everything that follows from the mass per key."""
        real = real_queries(call, attention)
        visibility = _visibility(attention, real)
        mass = attention.column_mass().double()  # [N, H, S]
        tokens = torch.ones_like(mass[:, :1], dtype=torch.bool)
        if call.key_tokens is not None:
            tokens = call.key_tokens[:, None]
        usable = ((visibility.receivers > 0) & tokens).expand(mass.shape)
        self._sinks(call, mass / visibility.receivers, usable)
        self._coverage(call, mass, visibility, usable, real)
        self._padding(call, mass, tokens, real)
        hidden = attention.visible() == 0
        if call.query_tokens is not None:
            hidden = hidden & call.query_tokens[:, None]
        self.sums.add(call.index, "fully_masked", hidden.any(1).expand(mass.shape[0], -1).sum())
        if is_one_sequence(call, attention.L, attention.S):
            self.sums.maximum(call.index, "visible_later", visibility.later)
            self._sees_later[call.index] = visibility.later > 0

    def _sinks(self, call: AttentionCall, mean_mass: Tensor, usable: Tensor) -> None:
        """Mean mass of the first keys that are no padding, [N, H, S] -> [H, FIRST]."""
        start = usable.int().argmax(-1, keepdim=True)  # [N, H, 1]
        index = start + torch.arange(FIRST, device=usable.device)
        inside = index.clamp(max=usable.shape[-1] - 1)
        counted = (index < usable.shape[-1]) & usable.gather(-1, inside)
        found = torch.where(counted, mean_mass.gather(-1, inside), 0.0)
        self.sums.add(call.index, "first", found.sum(0))
        self.sums.add(call.index, "first_count", counted.sum(0))

    def _coverage(
        self, call: AttentionCall, mass: Tensor, visibility: _Visibility, usable: Tensor, real: Tensor
    ) -> None:
        """How evenly the mass falls on the keys: all tensors [N, H, S], `real` [N, H or 1, L]."""
        kept = torch.where(usable, mass, 0.0)
        shares = kept / kept.sum(-1, keepdim=True)
        keys = usable.sum(-1)
        entropy = -torch.special.xlogy(shares, shares).sum(-1) / keys.clamp(min=2).log()
        is_spread = (keys >= 2) & (kept.sum(-1) > 0)
        self.add_mean(call.index, "column_entropy", entropy[..., None], is_spread[..., None])
        is_little = mass < UNATTENDED * visibility.fair
        self.add_mean(call.index, "unattended", is_little.double(), usable)
        is_often_seen = usable & (2 * visibility.receivers >= real.sum(-1, keepdim=True))
        largest = torch.where(is_often_seen, mass / visibility.receivers, 0.0).amax(-1, keepdim=True)
        self.add_mean(call.index, "largest", largest, is_often_seen.any(-1, keepdim=True))
        self._remember(call, (usable & ~is_little).any(1), usable.any(1))

    def _remember(self, call: AttentionCall, attended: Tensor, usable: Tensor) -> None:
        """Which tokens some head attends: [N, S]. Windows hold other tokens in other layers: left out."""
        if call.windows != 1:
            return
        known = (call.site.role, bool(call.site.is_causal), *attended.shape)
        before = self._attended.get(known, (attended, usable))
        self._attended[known] = (before[0] | attended, before[1] | usable)

    def _padding(self, call: AttentionCall, mass: Tensor, tokens: Tensor, real: Tensor) -> None:
        """What real queries give to padded keys, in the samples that have some."""
        padded = ~tokens & torch.ones_like(mass, dtype=torch.bool)
        has_some = padded.any(-1, keepdim=True)  # [N, H, 1]
        if bool(has_some.any()):
            given = torch.where(padded, mass, 0.0).sum(-1, keepdim=True)
            self.sums.add(call.index, "padding", given.sum((0, 2)))
            counted = real.sum(-1, keepdim=True).expand_as(has_some)
            self.sums.add(call.index, "padding_count", torch.where(has_some, counted, 0).sum((0, 2)))

    def rows(self, call: AttentionCall, block: RowBlock) -> None:
        """How far away and how far ahead sampled queries attend, where queries and keys are one sequence."""
        if call.index not in self._sees_later:
            return
        probabilities, valid = block.probabilities, block.valid[:, None]
        positions = torch.arange(probabilities.shape[-1], device=probabilities.device)
        offsets = (positions - block.index[:, None]).to(probabilities.dtype)  # [b, S]
        distance = (probabilities * offsets.abs()).sum(-1)
        self.add_mean(call.index, "distance", distance, valid)
        if self._sees_later[call.index]:
            later = (probabilities * (offsets > 0)).sum(-1)
        else:
            later = torch.zeros_like(distance)
        self.add_mean(call.index, "later", later, valid)
        most = torch.where(valid, later, 0.0).amax((0, 2))
        self.sums.maximum(call.index, "most_later", most)

    def after_batch(self, batch: Batch) -> None:
        """Count the tokens that nobody attended."""
        for attended, usable in self._attended.values():
            self.sums.add(-1, "unseen", (usable & ~attended).sum())
            self.sums.add(-1, "positions", usable.sum())
        self._attended.clear()


def is_one_sequence(call: AttentionCall, queries: int, keys: int) -> bool:
    """Whether queries and keys are the same tokens, so that one can be later than another."""
    return call.site.role == "self" and queries == keys and queries > 1


def _visibility(attention: AttentionMap, real: Tensor) -> _Visibility:
    """real: bool [N or 1, H or 1, L]."""
    real = real.expand(attention.N, -1, -1)
    weights = torch.stack([real / attention.visible().clamp(min=1), real.float()], 2)  # [N, H or 1, 2, L]
    received: Tensor | float = 0.0
    pairs = torch.zeros((), device=real.device)
    keys = torch.arange(attention.S, device=real.device)
    for index in attention.all_rows():
        visible = attention.visible_rows(index)
        received = received + weights[..., index] @ visible.float()
        pairs = pairs + (visible & (keys > index[:, None])).float().mean((0, 1)).sum()
    assert isinstance(received, Tensor)
    possible = attention.L * (attention.L - 1) / 2
    return _Visibility(
        fair=received[:, :, 0].double(),
        receivers=received[:, :, 1].round().double(),
        later=float(pairs) / possible if possible else 0.0,
    )
