"""What the watchers of attention maps share."""

from __future__ import annotations

import torch
from torch import Tensor

from attnprobe.observing.calls import AttentionCall
from attnprobe.observing.maps import AttentionMap
from attnprobe.observing.watcher import Watcher

_CHECKED_QUERIES = 16


class MapWatcher(Watcher):
    """A watcher of maps whose rows are probabilities; remembers of which sites it saw none, and why."""

    def __init__(self) -> None:
        super().__init__()
        self.missing: dict[int, str] = {}  # site -> why nothing is known

    def attention(self, call: AttentionCall) -> None:
        """Pass a map on, if it is one of probabilities."""
        reason = call.missing or "its map was not seen"
        if call.map is not None:
            reason = _no_probabilities(call.map, call.site.normaliser)
        if call.map is not None and not reason:
            self.sums.add(call.index, "maps", 1)
            self.seen(call, call.map)
        else:
            self.missing.setdefault(call.index, reason)

    def seen(self, call: AttentionCall, attention: AttentionMap) -> None:
        """One map of one batch."""

    def reason(self, site: int) -> str:
        """Why nothing is known of a site; "" when something is."""
        if self.sums.get(site, "maps") is not None:
            return ""
        return self.missing.get(site, "the run did not come by it")

    def add_mean(self, site: int, name: str, values: Tensor, counted: Tensor) -> None:
        """Add to a mean by head: values [N, H, L], counted bool [N or 1, H or 1, L]."""
        counted = counted.expand(values.shape)
        self.sums.add(site, name, torch.where(counted, values.double(), 0.0).sum((0, 2)))
        self.sums.add(site, f"{name}_count", counted.sum((0, 2)))

    def mean(self, site: int, name: str) -> Tensor:
        """By head, [H]; NaN where nothing was counted."""
        total, count = self.sums.get(site, name), self.sums.get(site, f"{name}_count")
        return torch.tensor(torch.nan) if total is None or count is None else total / count

    def merge(self, other: Watcher) -> None:
        """See `Watcher.merge`."""
        super().merge(other)
        assert isinstance(other, MapWatcher)
        for site, reason in other.missing.items():
            self.missing.setdefault(site, reason)


def _no_probabilities(attention: AttentionMap, normaliser: str) -> str:
    """Why the rows of a map are no distributions over the keys; "" if they are."""
    if attention.is_softmax or attention.L == 0:
        return ""
    rows = attention.rows(torch.arange(min(attention.L, _CHECKED_QUERIES), device=attention.visible().device))
    sums = rows.sum(-1)
    is_one = ((sums - 1).abs() < 1e-2) | (sums == 0)
    if bool((rows >= 0).all()) and bool(is_one.all()):
        return ""
    return f"its weights do not add up to one over the keys (normaliser: {normaliser})"


def real_queries(call: AttentionCall, attention: AttentionMap) -> Tensor:
    """Queries that are no padding and see a key: bool [N or 1, H or 1, L]."""
    seeing = attention.visible() > 0
    return seeing if call.query_tokens is None else seeing & call.query_tokens[:, None]
