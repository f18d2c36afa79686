"""How far back one output position's gradient reaches, along the sequence."""

from __future__ import annotations

import torch
from torch import Tensor

from attnprobe.observing.calls import AttentionCall
from attnprobe.observing.watcher import Watcher
from attnprobe.records import Trace

FIRST = 4  # tokens at the start that are looked at on their own
NEGLIGIBLE = 1e-3  # of the mean norm: below it a position counts as not reached
_END = 8  # an eighth of the positions is the start, another the end
_HELD = 0.9


class Reach(Watcher):
    """Keeps per site sums over samples of each quantity, so that lengths may differ between batches."""

    wants = frozenset({"reach"})

    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self._has_cross = any(site.role == "cross" for site in trace.sites)

    def reach(self, call: AttentionCall, gradient: Tensor, position: Tensor) -> None:
        """Args: gradient [B, S, E], position [B], -1 where the output has no positions."""
        magnitude = _magnitudes(gradient).cpu()  # [B, S]
        output = call.batch.main_output
        is_same = output is not None and output.dim() == 3 and output.shape[1] == magnitude.shape[1]
        is_decoder = not self._has_cross or bool(call.site.is_causal)
        has_positions = is_same and is_decoder
        if not has_positions and bool((position >= 0).any()):
            self.sums.add(call.index, "another sequence", 1.0)
            return
        real = torch.ones_like(magnitude, dtype=torch.bool)
        if call.query_tokens is not None and call.query_tokens.shape == real.shape:
            real = call.query_tokens.cpu()
        is_causal = bool(call.site.is_causal)
        for row, known, at in zip(magnitude, real, position.tolist(), strict=True):
            self._sample(call.index, row, known, at, is_causal)

    def _sample(self, index: int, row: Tensor, real: Tensor, at: int, is_causal: bool) -> None:
        places = torch.arange(len(row))
        seen = real & (places <= at) if is_causal and at >= 0 else real
        row, places = row[seen], places[seen]
        total = float(row.sum())
        if not bool(torch.isfinite(row).all()):
            self.sums.add(index, "not finite", 1.0)
            return
        if not total or len(row) < 2:
            self.sums.add(index, "zero" if len(row) > 1 else "short", 1.0)
            return
        self.sums.add(index, "samples", 1.0)
        mean = total / len(row)
        self.sums.add(index, "unreached", (row < NEGLIGIBLE * mean).double().mean())
        self.sums.add(index, "first tokens", row[:FIRST].mean() / mean)
        end = max(len(row) // _END, 1)
        self.sums.add(index, "ends", torch.stack([row[:end].mean(), row[-end:].mean()]) / mean)
        if at >= 0:
            self._distances(index, row, (places - at).abs().double(), total)

    def _distances(self, index: int, row: Tensor, distance: Tensor, total: float) -> None:
        """Args: row is the gradient's norm per position, distance in tokens from the output position."""
        count = len(row)
        order = distance.argsort(stable=True)
        held = row[order].cumsum(0) >= _HELD * total
        self.sums.add(index, "located", 1.0)
        self.sums.add(index, "beyond half", row[distance > count / 2].sum() / total)
        self.sums.add(index, "beyond quarter", row[distance > count / 4].sum() / total)
        self.sums.add(index, "distance", (row * distance).sum() / total)
        self.sums.add(index, "held", distance[order][int(held.double().argmax())])


def _magnitudes(gradient: Tensor) -> Tensor:
    """Norm per position against the sample's largest entry, so that nothing underflows: [B, S], float64."""
    wide = gradient.detach().float()
    largest = wide.abs().amax((1, 2), keepdim=True)  # [B, 1, 1]
    scaled = wide / torch.where(largest > 0, largest, 1.0)
    found: Tensor = torch.linalg.vector_norm(scaled, dim=-1)
    return found.double()
