"""What a block-sparse map would keep: for each block of queries, the blocks of keys that get most of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from attnprobe.observing.calls import AttentionCall
from attnprobe.observing.rows import row_block
from attnprobe.observing.sums import Sums
from attnprobe.probes.approximating.query_rows import QueryRows
from attnprobe.probes.approximating.watching import (
    ApproximationWatcher,
    Found,
    ratio,
    relative_error,
    total,
)

_SAMPLED_QUERIES = 128
_WORKSPACE_BYTES = 2**25


class BlockWatcher(ApproximationWatcher):
    """Asks for whole blocks of neighbouring queries, which the shared sample does not have."""

    wants: ClassVar[frozenset[str]] = frozenset()

    def attention(self, call: AttentionCall) -> None:
        """See `Watcher.attention`."""
        super().attention(call)
        if call.index in self.reasons:
            return
        for index in query_blocks(call):
            self._look_at(call, index)

    def _look_at(self, call: AttentionCall, index: Tensor) -> None:
        """Choose the best quarter of the key blocks for one block of queries, and add what it keeps."""
        assert call.map is not None
        step = max(_WORKSPACE_BYTES // max(4 * call.map.N * call.map.H * call.map.S, 1), 1)
        parts = [index[start : start + step] for start in range(0, len(index), step)]
        rows, masses, seen = None, [], []
        for part in parts:
            rows = _rows(call, part)
            if not call.map.is_softmax and bool((rows.weights < 0).any()):
                self.reasons[call.index] = "some of its weights are negative, so they are no shares"
                return
            valid = rows.valid[:, None, None].float()  # [N, 1, 1, r]
            masses.append((valid @ rows.weights).squeeze(2))
            seen.append((valid @ rows.visible.float()).squeeze(2))
        is_seen = by_block(torch.stack(seen).sum(0)) > 0
        kept_keys = best_quarter(by_block(torch.stack(masses).sum(0)), is_seen, call.map.S)
        for part in parts:
            rows = rows if rows is not None and len(parts) == 1 else _rows(call, part)
            kept = rows.weights * kept_keys[:, :, None]
            self.sums.add(call.index, "mass", rows.summed(rows.share(kept)))
            self.sums.add(call.index, "queries", rows.count())
            self.sums.add(call.index, "error", rows.error_of(kept))
            self.sums.add(call.index, "energy", rows.energy(rows.output))


def block_size(keys: int) -> int:
    """16 up to 256 keys, 32 up to 512, else 64."""
    return 16 if keys <= 256 else 32 if keys <= 512 else 64


def query_blocks(call: AttentionCall) -> Iterator[Tensor]:
    """Positions of the queries of each sampled block; all blocks of a short sequence."""
    assert call.map is not None
    size, length = block_size(call.map.S), call.map.L
    present = -(-length // size)
    count = min(present, _SAMPLED_QUERIES // size)
    for number in range(count):
        start = (2 * number + 1) * present // (2 * count) * size
        yield torch.arange(start, min(start + size, length), device=call.map.visible().device)


def by_block(rows: Tensor) -> Tensor:
    """Sums over blocks of keys: [..., S] -> [..., blocks]."""
    size = block_size(rows.shape[-1])
    padded = F.pad(rows, (0, -rows.shape[-1] % size))
    return padded.view(*padded.shape[:-1], -1, size).sum(-1)


def best_quarter(mass: Tensor, is_seen: Tensor, keys: int) -> Tensor:
    """Which keys lie in the ⌈c / 4⌉ blocks with most mass, c blocks being seen: bool [N, H, S].

    Args:
        mass: [N, H, blocks].
        is_seen: Whether any query of the block may look there, [N, H or 1, blocks].
        keys: S.
    """
    count = (is_seen.sum(-1, keepdim=True) + 3) // 4
    order = mass.masked_fill(~is_seen, -1.0).argsort(dim=-1, descending=True, stable=True)
    is_among = torch.arange(mass.shape[-1], device=mass.device) < count
    chosen = torch.zeros_like(mass, dtype=torch.bool).scatter_(-1, order, is_among.expand_as(mass))
    return chosen.repeat_interleave(block_size(keys), -1)[..., :keys]


def _rows(call: AttentionCall, index: Tensor) -> QueryRows:
    assert call.map is not None
    block = row_block(call, call.map, index)
    return QueryRows(call, block.index, block.probabilities, block.visible, block.valid)


def numbers(sums: Sums, site: int) -> Found | None:
    """The metrics of `block_approximation`."""
    if sums.get(site, "queries") is None:
        return None
    return {
        "block_quarter_mass": ratio(total(sums, site, "mass"), total(sums, site, "queries")),
        "block_quarter_error": relative_error(sums, site, "error"),
    }
