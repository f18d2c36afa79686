"""Approximations worked out from whole maps, query by query, in float64: what the probes are held against."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil, exp, log, sqrt

import torch
from torch import Tensor

from attnprobe.observing.calls import AttentionCall


@dataclass(frozen=True)
class Row:
    """One query of one head: its weights on all keys, and what it sees."""

    sample: int
    query: int
    place: int  # of the query among the keys
    weights: Tensor  # [S]
    visible: Tensor  # bool [S]
    values: Tensor  # [S, Dv]

    @property
    def keys(self) -> int:
        return int(self.visible.sum())

    @property
    def distances(self) -> Tensor:
        return (torch.arange(len(self.weights)) - self.place).abs()


class WholeMaps:
    """All maps of a call, from its queries and keys."""

    def __init__(self, call: AttentionCall, *, is_causal: bool, scale: float) -> None:
        assert call.query is not None
        assert call.key is not None
        assert call.value is not None
        groups = list(call.group_of_head)
        query, key = call.query.double(), call.key.double()[:, groups]
        self.values = call.value.double()[:, groups]
        self.samples, self.heads, self.queries, _ = query.shape
        self.keys = key.shape[2]
        visible = torch.ones(self.samples, self.queries, self.keys, dtype=torch.bool)
        if is_causal:
            visible &= torch.arange(self.keys) <= torch.arange(self.queries)[:, None]
        self.tokens = torch.ones(self.samples, self.keys, dtype=torch.bool)
        if call.key_tokens is not None:
            self.tokens = call.key_tokens
            visible &= call.key_tokens[:, None]
        scores = (query @ key.mT * scale).masked_fill(~visible[:, None], -torch.inf)
        self.weights = scores.softmax(-1).nan_to_num(0.0)
        self.visible = visible
        real = torch.ones(self.samples, self.queries, dtype=torch.bool)
        self.real = visible.any(-1) & (real if call.query_tokens is None else call.query_tokens)

    def rows(self, head: int) -> Iterator[Row]:
        """Real queries only."""
        for sample in range(self.samples):
            for query in range(self.queries):
                if self.real[sample, query]:
                    yield Row(
                        sample,
                        query,
                        query + self.keys - self.queries,
                        self.weights[sample, head, query],
                        self.visible[sample, query],
                        self.values[sample, head],
                    )

    def first_keys(self, sample: int) -> Tensor:
        """bool [S]: the first four real keys."""
        return self.tokens[sample] & (self.tokens[sample].cumsum(0) <= 4)

    def eighth(self, sample: int) -> int:
        return ceil(max(int(self.visible[sample].sum(-1).max()), 1) / 8)

    def error(self, head: int, replaced: Callable[[Row], Tensor]) -> float | None:
        """‖A_X V - A V‖ / ‖A V‖ with rows scaled to a sum of 1."""
        over, under = 0.0, 0.0
        for row in self.rows(head):
            other = replaced(row)
            other = other / other.sum() if other.sum() > 0 else other
            over += float((other @ row.values - row.weights @ row.values).square().sum())
            under += float((row.weights @ row.values).square().sum())
        return sqrt(over / under) if under > 0 else None

    def mean(self, head: int, number: Callable[[Row], float]) -> float | None:
        found = [number(row) for row in self.rows(head)]
        return sum(found) / len(found) if found else None


def near(row: Row, window: int) -> Tensor:
    return row.weights * (row.distances <= window)


def window_for(maps: WholeMaps, head: int, share: float, *, sinks: bool) -> float | None:
    rows = list(maps.rows(head))
    for window in range(maps.keys):
        kept = [
            row.weights * ((row.distances <= window) | (maps.first_keys(row.sample) & sinks)) for row in rows
        ]
        if rows and sum(float(k.sum()) for k in kept) >= (share - 1e-6) * len(rows):
            return window
    return None


def largest(row: Row, count: int) -> Tensor:
    kept = torch.zeros_like(row.weights)
    order = row.weights.argsort(descending=True)[:count]
    kept[order] = row.weights[order]
    return kept


def keys_for(row: Row, share: float) -> int:
    held = row.weights.sort(descending=True).values.cumsum(0)
    return min(int((held < share - 1e-6).sum()) + 1, row.keys)


def spectrum(rows: list[Row]) -> tuple[Tensor, Tensor, Tensor]:
    """Of one sample: singular values without the mean row, left directions, the mean row."""
    whole = torch.stack([row.weights for row in rows])
    mean = whole.mean(0)
    directions, values, _ = torch.linalg.svd(whole - mean, full_matrices=False)
    return values, directions, mean


def effective_rank(values: Tensor) -> float:
    shares = values.square() / values.square().sum()
    return exp(-sum(float(p) * log(float(p)) for p in shares if p > 1e-12))


def explained(entries: list[tuple[int, float]]) -> float | None:
    """R² of numbers on the group that they belong to."""
    groups: dict[int, list[float]] = {}
    for group, number in entries:
        groups.setdefault(group, []).append(number)
    numbers = [number for _, number in entries]
    if not numbers:
        return None
    middle = sum(numbers) / len(numbers)
    whole = sum((number - middle) ** 2 for number in numbers)
    told = sum(len(g) * (sum(g) / len(g) - middle) ** 2 for g in groups.values())
    return told / whole if whole > 1e-9 * len(numbers) else None


def entries(maps: WholeMaps, head: int) -> Iterator[tuple[Row, int, float]]:
    """p of every visible pair."""
    for row in maps.rows(head):
        for key in row.visible.nonzero().flatten().tolist():
            yield row, key, float(row.weights[key])


def uniform(row: Row) -> Tensor:
    return row.visible.double() / row.keys


def told_by_distance(maps: WholeMaps, head: int) -> float | None:
    """How much nearer the static map comes than the uniform one, in squares."""
    static, left, differing = static_map(maps, head), 0.0, 0.0
    for row in maps.rows(head):
        guess = static(row)
        left += float((row.weights - guess / guess.sum()).square().sum())
        differing += float((row.weights - uniform(row)).square().sum())
    return 1 - left / differing if differing > 1e-9 else None


def static_map(maps: WholeMaps, head: int) -> Callable[[Row], Tensor]:
    """The mean of n p at each offset, over what is visible."""
    groups: dict[int, list[float]] = {}
    for row, key, share in entries(maps, head):
        groups.setdefault(key - row.place, []).append(row.keys * share)
    means = {offset: sum(numbers) / len(numbers) for offset, numbers in groups.items()}

    def replaced(row: Row) -> Tensor:
        offsets = (torch.arange(maps.keys) - row.place).tolist()
        found = [means.get(offset, 0.0) for offset in offsets]
        return torch.tensor(found, dtype=torch.float64) * row.visible

    return replaced


def constant_share(maps: WholeMaps, head: int) -> float | None:
    """Products of different samples' maps against a map's own, beyond the uniform map."""
    across, own = 0.0, 0.0
    by_query: dict[int, list[Tensor]] = {}
    for row in maps.rows(head):
        by_query.setdefault(row.query, []).append(row.weights - uniform(row))
    for rows in by_query.values():
        if len(rows) > 1:
            pairs = [float(a @ b) for i, a in enumerate(rows) for j, b in enumerate(rows) if i != j]
            across += sum(pairs) / (len(rows) - 1)
            own += sum(float(row @ row) for row in rows)
    return across / own if own > 0 else None
