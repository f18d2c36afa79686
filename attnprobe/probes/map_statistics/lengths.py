"""Forward passes on shorter inputs, and how sharp attention is in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from attnprobe.errors import AttnprobeError
from attnprobe.observing.calls import AttentionCall, RowBlock
from attnprobe.observing.maps import AttentionMap
from attnprobe.observing.run import observe
from attnprobe.probes.map_statistics.watching import MapWatcher, real_queries
from attnprobe.records import LoadedModel, Subject, Trace
from attnprobe.resizing import resized

LEAST_GROWTH = 0.3  # of the mean log number of keys between the lengths, below which there is no slope


class DispersionWatcher(MapWatcher):
    """Means of logarithms over the queries of the first batch, by head."""

    wants: ClassVar[frozenset[str]] = frozenset({"rows"})

    def attention(self, call: AttentionCall) -> None:
        """The first batch alone: it is the one that is run at other lengths."""
        if call.batch.number == 0:
            super().attention(call)

    def seen(self, call: AttentionCall, attention: AttentionMap) -> None:
        """Entropy, and the largest there can be, of all real queries."""
        real = real_queries(call, attention)
        entropy = attention.entropy()
        self.add_mean(call.index, "entropy", entropy, real)
        keys = attention.visible().clamp(min=1).log().expand_as(entropy)
        self.add_mean(call.index, "log_keys", keys, real)

    def rows(self, call: AttentionCall, block: RowBlock) -> None:
        """Largest probability of sampled queries, and the number of keys of the same queries."""
        if call.batch.number or call.index in self.missing:
            return
        valid = block.valid[:, None]
        largest = block.probabilities.amax(-1).log()
        self.add_mean(call.index, "log_largest", largest, valid)
        keys = block.visible.sum(-1).clamp(min=1).log().expand_as(largest)
        self.add_mean(call.index, "row_log_keys", keys, valid)


@dataclass(frozen=True, slots=True)
class AtLength:
    """What was seen at one length. Its sites have places of their own."""

    length: int
    watcher: DispersionWatcher
    index_of: dict[str, int]  # site id -> place

    def mean(self, site: str, name: str) -> Tensor | None:
        """By head, [H]; None where the site was not seen."""
        index = self.index_of.get(site)
        if index is None or self.watcher.reason(index):
            return None
        return self.watcher.mean(index, name)


def at_lengths(subject: Subject, lengths: Sequence[int]) -> tuple[list[AtLength], list[str]]:
    """The forward pass at other lengths and at the scanned one, shortest first; a note per failure."""
    assert subject.model is not None
    own = AtLength(subject.trace.seq_len or 0, subject.watched["dispersion"], _places(subject.trace))
    found, notes = [own], []
    for length in lengths:
        try:
            found.append(_at(subject, subject.model, length))
        except AttnprobeError as error:
            notes.append(f"length {length} could not be run: {error.message}")
    return sorted(found, key=lambda point: point.length), notes


def _at(subject: Subject, model: LoadedModel, length: int) -> AtLength:
    assert subject.trace_batch is not None
    cut = resized(replace(model, batches=()), subject.trace.length_dims, subject.trace.seq_len or 0, length)
    options = replace(subject.options, backward=False)
    trace = subject.trace_batch(cut, False)
    observed = observe(cut, trace, {"dispersion": DispersionWatcher}, options, subject.trace_batch)
    if "dispersion" in observed.failures:
        raise observed.failures["dispersion"]
    watcher = observed.watchers["dispersion"]
    assert isinstance(watcher, DispersionWatcher)
    return AtLength(length, watcher, _places(trace))


def _places(trace: Trace) -> dict[str, int]:
    return {site.id: index for index, site in enumerate(trace.sites)}


def slope(points: Sequence[AtLength], site: str, name: str, against: str) -> Tensor | None:
    """Least-squares slope of one mean against another over the lengths, by head; None where there is none.

    Returns:
        [H]; None with fewer than two lengths, or where what it is held against hardly changes.
    """
    pairs = [(point.mean(site, against), point.mean(site, name)) for point in points]
    known = [(x, y) for x, y in pairs if x is not None and y is not None]
    if len(known) < 2 or len({x.shape for pair in known for x in pair}) > 1:
        return None
    x, y = (torch.stack(part) for part in zip(*known, strict=True))  # [lengths, H]
    if float((x.amax(0) - x.amin(0)).min()) < LEAST_GROWTH:
        return None
    x = x - x.mean(0)
    return (x * y).sum(0) / x.square().sum(0)
