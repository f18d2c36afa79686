"""How few directions the maps need: their spectrum once the mean row is taken out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from attnprobe.observing.calls import AttentionCall, RowBlock
from attnprobe.observing.sums import Sums
from attnprobe.probes.approximating.query_rows import QueryRows
from attnprobe.probes.approximating.sampling import is_last, sample_size
from attnprobe.probes.approximating.watching import (
    ApproximationWatcher,
    Found,
    ratio,
    relative_error,
    total,
)

RANK = 16
_QUERIES = 128
_FLAT = 1e-10  # below this share of the map's energy, what differs between rows is rounding


class RankWatcher(ApproximationWatcher):
    """Collects up to 128 rows of each map and takes their spectrum."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: list[QueryRows] = []

    def look(self, call: AttentionCall, rows: QueryRows, block: RowBlock) -> None:
        """See `ApproximationWatcher.look`."""
        chosen = rows.affordable(-(-sample_size(call) // _QUERIES))
        self._kept += [chosen] if len(chosen.index) else []
        if is_last(call, block):
            kept, self._kept = self._kept, []
            self._add(call.index, kept)

    def _add(self, site: int, kept: list[QueryRows]) -> None:
        valid = torch.cat([rows.valid for rows in kept], 1)
        keys = torch.stack([rows.keys.amax((2, 3)) for rows in kept]).amax(0)  # [N or 1, H or 1]
        rest, of_mean = _centred(_joined([rows.weights for rows in kept]), valid)
        shares, directions = _spectrum(rest)
        of_rest = _squares(rest)
        is_flat = of_rest <= _FLAT * of_mean
        size = torch.minimum(valid.sum(1, keepdim=True), keys).clamp(min=1)
        effective = torch.exp(-torch.special.xlogy(shares, shares).sum(-1))
        for_90 = (shares.cumsum(-1) < 0.9 - 1e-6).sum(-1) + 1
        self.sums.add(site, "maps", (~is_flat).sum(0))
        for name, found in (
            ("effective", effective),
            ("effective_share", effective / size),
            ("for_90", for_90),
            ("for_90_share", for_90 / size),
        ):
            self.sums.add(site, name, found.masked_fill(is_flat, 0.0).sum(0))
        self.sums.add(site, "rest", of_rest.sum(0))
        self.sums.add(site, "all", (of_mean + of_rest).sum(0))
        output, of_mean = _centred(_joined([rows.output for rows in kept]), valid)
        few = directions[..., : RANK - 1]
        self.sums.add(site, "error", _squares(output - few @ (few.mT @ output)).sum(0))
        self.sums.add(site, "energy", (of_mean + _squares(output)).sum(0))


def _joined(blocks: list[Tensor]) -> Tensor:
    """Along the queries, without a copy of a single one."""
    return blocks[0] if len(blocks) == 1 else torch.cat(blocks, 2)


def _centred(rows: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Take out the mean over real queries.

    Args:
        rows: [N, H, r, c].
        valid: bool [N, r].

    Returns:
        [N, H, r, c], 0 where a query is not real; and the energy that the mean had [N, H].
    """
    count = valid.sum(1).clamp(min=1)[:, None, None, None]
    mean = valid[:, None, None].float() @ rows / count  # [N, H, 1, c]
    return (rows - mean).mul_(valid[:, None, :, None]), _squares(mean * count.sqrt())


def _spectrum(rest: Tensor) -> tuple[Tensor, Tensor]:
    """Shares of the energy, largest first [N, H, r], and the directions among queries [N, H, r, r]."""
    products = rest @ rest.mT
    with one_thread():
        found, directions = torch.linalg.eigh(products)
    energy = found.flip(-1).clamp(min=0.0).double()
    return energy / energy.sum(-1, keepdim=True).clamp(min=1e-300), directions.flip(-1)


@contextmanager
def one_thread() -> Iterator[None]:
    """Many small decompositions: on several threads they wait for each other, up to 100 times as long."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _squares(tensor: Tensor) -> Tensor:
    """[N, H, r, c] -> [N, H]."""
    return tensor.square().sum((2, 3))


def numbers(sums: Sums, site: int) -> Found | None:
    """The metrics of `low_rank_approximation`."""
    if sums.get(site, "all") is None:
        return None
    maps = total(sums, site, "maps")
    return {
        "differing_map_share": ratio(total(sums, site, "rest"), total(sums, site, "all")),
        "map_effective_rank": ratio(total(sums, site, "effective"), maps),
        "map_effective_rank_share": ratio(total(sums, site, "effective_share"), maps),
        "map_rank_for_90": ratio(total(sums, site, "for_90"), maps),
        "map_rank_for_90_share": ratio(total(sums, site, "for_90_share"), maps),
        "rank_16_error": relative_error(sums, site, "error"),
    }
