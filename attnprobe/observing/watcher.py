"""What a probe implements to take part in the instrumented run."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from attnprobe.observing.calls import AttentionCall, Batch, Gradients, RowBlock, StreamTensors
from attnprobe.observing.sums import Sums


class Watcher:
    """Looks at every attention of every batch, and keeps sums and maxima.

    Everything that it keeps lies in `sums`, so two watchers of different batches merge into what one watcher
    of both would hold. All methods run without autograd; none may change what it is shown.
    """

    wants: ClassVar[frozenset[str]] = frozenset()  # "rows", "gradients", "directions", "reach", "streams"

    def __init__(self) -> None:
        self.sums = Sums()

    def attention(self, call: AttentionCall) -> None:
        """Once per site and batch, during the forward."""

    def rows(self, call: AttentionCall, block: RowBlock) -> None:
        """Blocks of sampled queries, during the forward. Wants "rows"."""

    def stream(self, call: AttentionCall, tensors: StreamTensors) -> None:
        """Hidden states round the site, once they are complete. Wants "streams"."""

    def gradients(self, call: AttentionCall, gradients: Gradients) -> None:
        """During the backward of the loss. `call` has no map. Wants "gradients"."""

    def direction(self, call: AttentionCall, gradient: Tensor, number: int) -> None:
        """d (v · main output) / d output [N, H, L, Dv] for a random v ~ N(0, I). Wants "directions"."""

    def reach(self, call: AttentionCall, gradient: Tensor, position: Tensor) -> None:
        """d (v · main output at one position) / d the site's stream entry. Wants "reach".

        Args:
            call: Without a map.
            gradient: [B, S, E].
            position: Of each sample, [B]; -1 where the output has no positions.
        """

    def after_batch(self, batch: Batch) -> None:
        """After the backward of the loss: parameters have its gradients."""

    def merge(self, other: Watcher) -> None:
        """Take in what a watcher of other batches has seen."""
        self.sums.merge(other.sums)
