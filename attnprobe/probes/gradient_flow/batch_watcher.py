"""The norm of all gradients of each batch, kept so that batches merge."""

from __future__ import annotations

from math import exp, isfinite, log

import torch
from torch import Tensor

from attnprobe.observing.calls import Batch
from attnprobe.observing.watcher import Watcher
from attnprobe.probes.gradient_flow.norms import total_norm

MODEL = -1
BIN = 0.005  # of the natural logarithm: a quantile is known within 0.25 %
_LOWEST, _HIGHEST = log(1e-40), log(1e40)


class BatchNorms(Watcher):
    """Keeps Σ norm, Σ norm², the largest norm and a histogram with fixed edges on a logarithmic scale."""

    def after_batch(self, batch: Batch) -> None:
        """Gradients of the loss lie in the parameters."""
        if batch.loss is None:
            return
        parameters = batch.model.module.parameters()
        norm = total_norm([p.grad for p in parameters if p.grad is not None and not p.grad.is_sparse])
        self.sums.add(MODEL, "not finite", float(not isfinite(norm)))
        if not isfinite(norm):
            return
        self.sums.add(MODEL, "batches", 1.0)
        self.sums.add(MODEL, "norm", norm)
        self.sums.add(MODEL, "norm squared", norm**2)
        self.sums.maximum(MODEL, "largest", norm)
        self.sums.add(MODEL, "histogram", _one_hot(norm))


def _one_hot(norm: float) -> Tensor:
    count = round((_HIGHEST - _LOWEST) / BIN)
    place = int((log(norm) - _LOWEST) / BIN) if norm > 0 else 0
    found = torch.zeros(count, dtype=torch.float64)
    found[min(max(place, 0), count - 1)] = 1
    return found


def quantile(histogram: Tensor, share: float) -> float:
    """The norm below or at which this share of all batches lies: the middle of its bin."""
    reached = histogram.cumsum(0) >= share * histogram.sum() - 1e-9
    place = int(reached.double().argmax())
    return 0.0 if place == 0 else exp(_LOWEST + (place + 0.5) * BIN)
