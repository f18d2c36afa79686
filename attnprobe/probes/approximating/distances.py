"""Attention by the distance between query and key, in bins that do not depend on the sequence length."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from attnprobe.observing.calls import AttentionCall
from attnprobe.probes.approximating.query_rows import QueryRows
from attnprobe.records import AttentionSite

_EXACT = 64  # distances up to this one have a bin each
_STEPS = 32  # bins per octave beyond
_OCTAVES = 20
BINS = _EXACT + 1 + _STEPS * _OCTAVES


def without_distance(site: AttentionSite) -> str:
    """Why there is no distance between queries and keys; "" if there is one."""
    if site.role != "self":
        return "its queries and keys lie on different sequences, so there is no distance between them"
    if site.kv_len < site.q_len:
        return "it has fewer keys than queries, so there is no distance between them"
    return ""


def positions(rows: QueryRows) -> Tensor:
    """Where the queries lie among the keys; the last query at the last key. [r]"""
    assert rows.call.map is not None
    return rows.index + (rows.call.map.S - rows.call.map.L)


def distances(rows: QueryRows) -> Tensor:
    """How many positions each key lies from each query: [r, S], at least 0."""
    keys = torch.arange(rows.weights.shape[3], device=rows.index.device)
    return (positions(rows)[:, None] - keys).abs_()


def bins_of(distance: Tensor) -> Tensor:
    """The bins of distances >= 0. Exact up to 64; beyond, 32 per octave, powers of two at their ends."""
    beyond = (distance - 1).clamp(min=_EXACT)
    octave = torch.frexp(beyond.double())[1].long() - 1
    step = ((beyond - (1 << octave)) * _STEPS) >> octave
    found = _EXACT + 1 + (octave - 6) * _STEPS + step
    return torch.where(distance <= _EXACT, distance, found.clamp(max=BINS - 1))


@cache
def bin_ends() -> Tensor:
    """The largest distance of each bin: [BINS]."""
    number = torch.arange(BINS) - _EXACT - 1
    base = 1 << (6 + number.clamp(min=0) // _STEPS)
    return torch.where(
        number < 0, number + _EXACT + 1, base + base * (number.clamp(min=0) % _STEPS + 1) // _STEPS
    )


def by_offset(rows: QueryRows, weights: Tensor, scale: Tensor | None = None) -> Tensor:
    """Sums over queries by how far a key lies after its query.

    Args:
        rows: Where the queries lie.
        weights: What is summed, [H or 1, r, S].
        scale: What to multiply each query's with, [1, r, 1].

    Returns:
        float64 [H or 1, 2 S - 1]; offset 0 in the middle.
    """
    keys = weights.shape[2]
    sums = torch.zeros(weights.shape[0], 2 * keys - 1, dtype=torch.float64, device=weights.device)
    for row, start in enumerate((keys - 1 - positions(rows)).tolist()):
        given = weights[:, row] if scale is None else weights[:, row] * scale[:, row]
        sums[:, start : start + keys] += given
    return sums


def spread_out(by_offset: Tensor, rows: QueryRows) -> Tensor:
    """The reverse of `by_offset`: [H, 2 S - 1] -> [H, r, S]."""
    keys = (by_offset.shape[1] + 1) // 2
    starts = (keys - 1 - positions(rows)).tolist()
    return torch.stack([by_offset[:, start : start + keys] for start in starts], 1)


def by_distance(sums: Tensor) -> Tensor:
    """Sums by offset [H, 2 S - 1] -> by bin of the distance [H, BINS]."""
    keys = (sums.shape[1] + 1) // 2
    offset = torch.arange(1 - keys, keys, device=sums.device)
    return sums.new_zeros(sums.shape[0], BINS).index_add_(1, bins_of(offset.abs()), sums)


def longest_sight(call: AttentionCall) -> Tensor:
    """The most keys that a query of a sample sees: [N or 1], at least 1."""
    assert call.map is not None
    return call.map.visible().amax((1, 2)).clamp(min=1)


def near(rows: QueryRows, window: int | Tensor) -> Tensor:
    """Keys at most `window` (a number, or [N or 1]) positions from their query: bool [N or 1, 1, r, S]."""
    reach = torch.as_tensor(window, device=rows.index.device).view(-1, 1, 1, 1)
    return distances(rows) <= reach


def eighth(call: AttentionCall) -> Tensor:
    """A window of an eighth of the keys that the farthest-seeing query of a sample sees: [N or 1]."""
    return longest_sight(call).div(8).ceil().long()


def sinks(call: AttentionCall, count: int = 4) -> tuple[Tensor, Tensor]:
    """The first real keys of each sample: their positions and whether they exist, both [N or 1, k]."""
    assert call.map is not None
    tokens = call.key_tokens
    if tokens is None:
        found = torch.arange(min(count, call.map.S), device=call.map.visible().device)[None]
        return found, torch.ones_like(found, dtype=torch.bool)
    place = tokens.logical_not().byte().argsort(dim=1, stable=True)[:, :count]
    return place, tokens.gather(1, place)
