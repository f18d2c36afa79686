"""Watches for NaN and infinities, in the order in which they can arise."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from attnprobe.observing.calls import AttentionCall, Batch, Gradients, RowBlock
from attnprobe.observing.watcher import Watcher

INPUTS = ("query", "key", "value")


class FinitenessWatcher(Watcher):
    """Counts by site and place; a place that was not seen has no count."""

    wants: ClassVar[frozenset[str]] = frozenset({"rows", "gradients"})

    def attention(self, call: AttentionCall) -> None:
        """Queries, keys, values and outputs, also where there is no map."""
        for role in (*INPUTS, "output"):
            tensor = getattr(call, role)
            if tensor is not None:
                self.sums.add(call.index, role, _non_finite(tensor))

    def rows(self, call: AttentionCall, block: RowBlock) -> None:
        """Sampled queries with a score that is NaN or +∞ (-∞ hides), or a weight that is neither."""
        if block.logits is not None:
            self.sums.add(call.index, "scores", _bad_rows(block.logits))
        self.sums.add(call.index, "weights", _bad_rows(block.probabilities))

    def gradients(self, call: AttentionCall, gradients: Gradients) -> None:
        """Gradients of the loss for the same tensors."""
        for role in (*INPUTS, "output"):
            tensor = getattr(gradients, role)
            if tensor is not None:
                self.sums.add(call.index, f"{role} gradient", _non_finite(tensor))

    def after_batch(self, batch: Batch) -> None:
        """Parameters with such a gradient."""
        parameters = [p for p in batch.model.module.parameters() if p.grad is not None]
        if parameters:
            count = sum(_is_non_finite(p.grad) for p in parameters if p.grad is not None)
            self.sums.maximum(-1, "parameters", count)


def _non_finite(tensor: Tensor) -> int:
    """How many; a sum that is finite says at a fifth of the cost that there are none."""
    if torch.isfinite(tensor.sum(dtype=torch.float32)):
        return 0
    return int(tensor.numel() - torch.isfinite(tensor).sum())


def _bad_rows(rows: Tensor) -> Tensor:
    """[N, H, b, S] -> [H]: rows with a NaN or +∞, either of which becomes their largest."""
    largest = rows.amax(-1)
    return (torch.isnan(largest) | (largest == torch.inf)).sum((0, 2))


def _is_non_finite(gradient: Tensor) -> bool:
    values = gradient.coalesce().values() if gradient.is_sparse else gradient
    if not values.numel():
        return False
    return _non_finite(values) > 0
