"""Watches how large scores are, and how much gradient the softmax over them lets through."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from attnprobe.observing.calls import AttentionCall, RowBlock
from attnprobe.probes.map_statistics.watching import MapWatcher

SATURATED = 0.99


class SaturationWatcher(MapWatcher):
    """Sums over sampled queries, and the largest score, by head."""

    wants: ClassVar[frozenset[str]] = frozenset({"rows"})

    def rows(self, call: AttentionCall, block: RowBlock) -> None:
        """One block of sampled queries. Scores tell something of gates too, weights of probabilities only."""
        valid = block.valid[:, None]  # [N, 1, b]
        if call.index not in self.missing:
            self._weights(call, block.probabilities, valid)
        if block.logits is not None:
            self._scores(call, block.logits, block.visible, valid)

    def _weights(self, call: AttentionCall, probabilities: Tensor, valid: Tensor) -> None:
        largest = probabilities.topk(min(2, probabilities.shape[-1]), -1).values
        first = largest[..., 0]
        self.add_mean(call.index, "saturated", (first > SATURATED).float(), valid)
        if call.map is not None and call.map.is_softmax:
            second = largest[..., 1] if largest.shape[-1] > 1 else torch.zeros_like(first)
            trace = 1 - torch.linalg.vector_norm(probabilities, dim=-1).square()
            self.add_mean(call.index, "trace", trace.clamp_(min=0), valid)
            self.add_mean(call.index, "bound", first * (1 - first + second), valid)

    def _scores(self, call: AttentionCall, logits: Tensor, visible: Tensor, valid: Tensor) -> None:
        """logits [N, H, b, S], -inf where not visible; NaN and +inf among them count as 0."""
        scores = torch.nan_to_num(logits, nan=0.0, posinf=0.0, neginf=0.0)
        count = visible.sum(-1)
        highest = scores.masked_fill(~visible, -torch.inf).amax(-1)
        self.sums.maximum(call.index, "highest", torch.where(valid, highest, -torch.inf).amax((0, 2)))
        size = torch.maximum(scores.amax(-1), -scores.amin(-1))
        self.sums.maximum(call.index, "largest_logit", torch.where(valid, size, 0.0).amax((0, 2)))
        mean = scores.sum(-1) / count.clamp(min=1)
        deviation = scores.sub_(mean[..., None]).mul_(visible)  # in place: the block may be all that fits
        spread = torch.linalg.vector_norm(deviation, dim=-1) / count.clamp(min=1).sqrt()
        self.add_mean(call.index, "spread", spread, valid & (count >= 2))
