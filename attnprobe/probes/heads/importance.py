"""Sums from which the importance of heads follows, and how they become numbers."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from attnprobe.observing.calls import AttentionCall, Batch, Gradients
from attnprobe.observing.sums import Sums
from attnprobe.observing.watcher import Watcher
from attnprobe.running import PROJECTION

MODEL = -1  # the place of what belongs to no site


class ImportanceWatcher(Watcher):
    """Per site: Σ (z · dz)², its squares, ‖f‖², draws; Σ |z · dL/dz|, samples."""

    wants: ClassVar[frozenset[str]] = frozenset({"directions", "gradients"})

    def __init__(self) -> None:
        super().__init__()
        self._size: tuple[int, Tensor] | None = None  # ‖f‖² of the batch at hand

    def direction(self, call: AttentionCall, gradient: Tensor, number: int) -> None:
        """See `Watcher.direction`."""
        if call.output is None or call.output.shape != gradient.shape:
            return
        derivative = gate_derivatives(call, gradient)  # [samples, H]
        squares = derivative.double().square()
        self.sums.add(call.index, "squares", squares.sum(0))
        self.sums.add(call.index, "fourth powers", squares.square().sum(0))
        self.sums.add(call.index, "draws", squares.shape[0])
        self.sums.add(call.index, "size", self._squared_size(call.batch))

    def gradients(self, call: AttentionCall, gradients: Gradients) -> None:
        """See `Watcher.gradients`. A projection is not a loss, and says nothing that `direction` does not."""
        gradient, is_loss = gradients.output, not call.batch.loss_origin.startswith(PROJECTION)
        if not is_loss or gradient is None or call.output is None or call.output.shape != gradient.shape:
            return
        derivative = gate_derivatives(call, gradient)
        samples = derivative.shape[0]
        # A loss that averages over samples divides each one's gradient by their number
        self.sums.add(call.index, "loss", derivative.double().abs().sum(0) * samples)
        self.sums.add(call.index, "samples", samples)

    def after_batch(self, batch: Batch) -> None:
        """See `Watcher.after_batch`."""
        if batch.loss is not None and not batch.loss_origin.startswith(PROJECTION):
            self.sums.add(MODEL, "batches with a loss", 1)
        self._size = None

    def _squared_size(self, batch: Batch) -> Tensor:
        """‖f‖² of the whole batch."""
        if self._size is None or self._size[0] != batch.number:
            assert batch.main_output is not None
            output = batch.main_output.detach()
            dtype = torch.float64 if output.dtype == torch.float64 else torch.float32
            self._size = batch.number, torch.linalg.vector_norm(output, dtype=dtype).double().square()
        return self._size[1]


def gate_derivatives(call: AttentionCall, gradient: Tensor) -> Tensor:
    """Σ over queries and width of z · dz: the derivative for a factor on each head's output.

    [N, H, L, D] -> fp32 [samples, H]; the windows of one sample are added up.
    """
    assert call.output is not None
    heads = call.output.shape[1]
    product = torch.einsum("nhld,nhld->nh", call.output.detach().float(), gradient.float())
    return product.reshape(call.samples, -1, heads).sum(1)


def squared_importances(sums: Sums, site: int) -> Tensor | None:
    """E (v · ∂f/∂ξ)² / E ‖f‖² of each head, [H]; None where no direction arrived or f is zero."""
    squares, size = sums.get(site, "squares"), sums.get(site, "size")
    if squares is None or size is None or not float(size):
        return None
    return squares / size


def importances(sums: Sums, site: int) -> Tensor | None:
    """Relative change of the output without the head, to first order: [H]."""
    squared = squared_importances(sums, site)
    return None if squared is None else squared.sqrt()


def standard_errors(sums: Sums, site: int) -> Tensor | None:
    """Standard error of `importances`, [H]; None with fewer than two draws.

    With y = (v · ∂f/∂ξ)² and I = mean y, the error of √I is that of I over 2 √I.
    """
    squares, powers, draws = (sums.get(site, name) for name in ("squares", "fourth powers", "draws"))
    found = importances(sums, site)
    if squares is None or powers is None or draws is None or found is None or float(draws) < 2:
        return None
    mean = squares / draws
    variance = (powers / draws - mean.square()).clamp_min(0) * draws / (draws - 1)
    relative = (variance / draws).sqrt() / mean.clamp_min(1e-300)
    return found * relative / 2


def loss_importances(sums: Sums, site: int) -> Tensor | None:
    """E |z · ∂L/∂z| of each head, [H]; None where no gradient of a loss arrived."""
    total, samples = sums.get(site, "loss"), sums.get(site, "samples")
    return None if total is None or samples is None else total / samples
