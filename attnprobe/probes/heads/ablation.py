"""Runs of the model in which heads are taken away, and how far the output moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from attnprobe import running
from attnprobe.errors import ModelError
from attnprobe.observing.backward import main_output
from attnprobe.observing.calls import AttentionCall, Batch
from attnprobe.observing.editing import Edit, Editor
from attnprobe.observing.watcher import Watcher
from attnprobe.records import LoadedModel, Trace

Heads = Mapping[int, Sequence[int]]  # index of a site -> heads
Seen = tuple[LoadedModel, Trace]  # the model with the inputs of one batch, and the trace of it


class MeanWatcher(Watcher):
    """Per site: sum of the heads' outputs over real tokens [H, D], and the tokens.

    Beside the sums it remembers what to run again: the batches, each with the trace that it followed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Seen] = []

    def after_batch(self, batch: Batch) -> None:
        """See `Watcher.after_batch`."""
        if batch.trace is not None:
            self.seen.append((batch.model, batch.trace))

    def merge(self, other: Watcher) -> None:
        """See `Watcher.merge`."""
        super().merge(other)
        if isinstance(other, MeanWatcher):
            self.seen += other.seen

    def attention(self, call: AttentionCall) -> None:
        """See `Watcher.attention`."""
        if call.output is None:
            return
        output, real = call.output, call.query_tokens
        if real is None:
            total, tokens = output.sum((0, 2), dtype=torch.float32), output.shape[0] * output.shape[2]
        else:
            total = torch.einsum("nhld,nl->hd", output.float(), real.to(output.device).float())
            tokens = int(real.sum())
        self.sums.add(call.index, "outputs", total)
        self.sums.add(call.index, "tokens", tokens)


@dataclass(slots=True)
class Change:
    """How far the outputs of some batches moved. Sums, so that batches add up."""

    squared_gap: float = 0.0
    squared_size: float = 0.0
    cosine_gap: float = 0.0
    rows: int = 0
    loss: float = 0.0
    losses: int = 0

    def add(self, before: Tensor, after: Tensor) -> None:
        """One batch: outputs [..., E]."""
        one, other = before.float(), after.float()
        self.squared_gap += float(torch.linalg.vector_norm(other - one).double() ** 2)
        self.squared_size += float(torch.linalg.vector_norm(one).double() ** 2)
        if one.dim() > 1 and one.shape[-1] > 1:
            gaps = cosine_gaps(one, other)
            self.cosine_gap += float(gaps.sum())
            self.rows += gaps.numel()

    @property
    def relative(self) -> float | None:
        """‖f' - f‖ / ‖f‖."""
        return (self.squared_gap / self.squared_size) ** 0.5 if self.squared_size else None

    @property
    def cosine(self) -> float | None:
        """Mean of 1 - cos over the rows of the output."""
        return self.cosine_gap / self.rows if self.rows else None

    @property
    def loss_change(self) -> float | None:
        """Mean over batches of the loss without the heads minus that with them."""
        return self.loss / self.losses if self.losses else None


def cosine_gaps(one: Tensor, other: Tensor) -> Tensor:
    """1 - cos of each row, without the cancellation near 1: ‖a/‖a‖ - b/‖b‖‖² / 2. Rows of zeros: 0."""
    first, second = (torch.nn.functional.normalize(part, dim=-1) for part in (one, other))
    has_direction = (first.abs().amax(-1) > 0) & (second.abs().amax(-1) > 0)
    return (first - second).square().sum(-1)[has_direction].double() / 2


@dataclass(slots=True)
class Ablation:
    """The model on its batches, with and without some of its heads."""

    seed: int
    batches: list[_Batch] = field(default_factory=list)

    @classmethod
    def of(cls, seen: Sequence[Seen], seed: int) -> Ablation:
        """Runs every batch once as it is: without gradients, or with them where it follows its trace only so.

        Raises:
            ModelError: The forward raised, left the path of the trace, or has no output to compare.
        """
        found = cls(seed)
        for model, trace in seen:
            batch = _Batch(model, trace)
            try:
                batch.output, batch.loss = batch.run({}, _zero, seed)
            except ModelError:
                batch.has_gradients = True
                batch.output, batch.loss = batch.run({}, _zero, seed)
            found.batches.append(batch)
        return found

    def without(self, heads: Heads, means: Mapping[int, Tensor] | None = None) -> Change:
        """How far the output moves when the outputs of some heads become zero.

        Args:
            heads: Which.
            means: [H, D] of each site: heads are set to their mean instead.

        Raises:
            ModelError: The forward raised or left the path of the trace.
        """
        edit = _zero if means is None else _Mean(means)
        change = Change()
        for batch in self.batches:
            moved, loss = batch.run(heads, edit, self.seed)
            assert batch.output is not None
            change.add(batch.output, moved)
            if loss is not None and batch.loss is not None:
                change.loss += loss - batch.loss
                change.losses += 1
        return change


@dataclass(slots=True)
class _Batch:
    """One batch, what the model gives for it, and how to run it."""

    model: LoadedModel
    trace: Trace
    has_gradients: bool = False
    output: Tensor | None = None
    loss: float | None = None

    def run(self, heads: Heads, edit: Edit, seed: int) -> tuple[Tensor, float | None]:
        """The main output and the loss with some heads edited."""
        torch.manual_seed(seed)  # the same dropout every time; the borrower gives the state back
        editor = Editor(self.trace, heads, edit)
        with torch.set_grad_enabled(self.has_gradients), editor:
            outputs = running.forward(self.model)
        if editor.gap:
            raise ModelError(editor.gap)
        output = main_output(outputs)
        if output is None:
            raise ModelError("no output of the model is a floating tensor")
        with torch.no_grad():
            return output.detach(), _loss(self.model, outputs)


def _loss(batch: LoadedModel, outputs: object) -> float | None:
    """The user's loss or the model's own; None where there is neither."""
    own = getattr(outputs, "loss", None)
    if batch.loss is None:
        return float(own) if isinstance(own, Tensor) and own.numel() == 1 else None
    loss, _ = running.loss_of(batch, outputs, 0)
    return None if loss is None else float(loss)


def _zero(site: int, head: int, output: Tensor) -> None:
    output.zero_()


class _Mean:
    """Writes each head's mean output over it."""

    def __init__(self, means: Mapping[int, Tensor]) -> None:
        self._means = means

    def __call__(self, site: int, head: int, output: Tensor) -> None:
        mean, dims, size = self._means[site][head], 0, 1
        while size < mean.numel():  # the width may lie in several dims
            dims += 1
            size *= output.shape[-dims]
        output.copy_(mean.to(output).view(output.shape[output.dim() - dims :]).expand(output.shape))
