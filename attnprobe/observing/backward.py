"""The backward half of the instrumented run: random directions, reach, then the loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from attnprobe import running
from attnprobe.observing.calls import AttentionCall, Batch, Gradients
from attnprobe.observing.hooks import Gathered, sweep
from attnprobe.observing.observer import Held, SiteTensors
from attnprobe.observing.site_calls import attention_call, distinct, joined
from attnprobe.records import ScanOptions, Trace

Show = Callable[..., None]
Part = tuple[str, int]  # (role, part of the core)
Found = Mapping[Part, Tensor]

_ROLES = ("query", "key", "value", "output")
_FEWEST, _MOST = 1, 5
_TOKENS_FOR_ONE = 2048  # of the batch: from so many on one random direction must do
_SCARCE = 2  # directions, among which the guessed loss counts as one; it has one direction for all rows
_FULL_GAUSSIAN = 2**20  # elements of an output for which a direction of independent entries is drawn


class BackwardPass:
    """Keeps what the gradients of one batch need, and computes them."""

    def __init__(self, trace: Trace, options: ScanOptions, wants: frozenset[str], show: Show) -> None:
        self._trace, self._options, self._wants, self._show = trace, options, wants, show
        self._kept: list[SiteTensors] = []
        self._entries: list[tuple[AttentionCall, Tensor]] = []

    def keep(self, tensors: SiteTensors) -> None:
        """Remember queries, keys, values and outputs with their history; maps go."""
        if self._wants & {"gradients", "directions"}:
            tensors.held = {role: held for role, held in tensors.held.items() if role in _ROLES}
            self._kept.append(tensors)

    def keep_entry(self, index: int, call: AttentionCall, entry: Tensor) -> None:
        """Remember the hidden states that a site starts from."""
        if "reach" in self._wants and entry.dim() == 3 and entry.requires_grad:
            self._entries.append((call, entry))

    def run(self, batch: Batch) -> None:
        """All gradients of the batch; afterwards parameters hold those of the loss, and nothing is kept."""
        loss, batch.loss_origin = running.loss_of(batch.model, batch.outputs, self._options.seed)
        if loss is not None:
            batch.loss = float(loss.detach())
            scale = _as_direction(batch) if _wanted(batch.main_output) <= _SCARCE else None
            try:
                self._sweep_outputs(batch, is_one_free=scale is not None)
            except RuntimeError as error:  # reentrant checkpoints refuse gradients of chosen tensors
                reason = f"gradients of chosen tensors could not be had: {running.first_line(error)}"
                batch.notes = (*batch.notes, reason)
            self._loss(loss, batch, scale)
        self._kept.clear()
        self._entries.clear()

    def _loss(self, loss: Tensor, batch: Batch, scale: float | None) -> None:
        """The loss' own backward. Args: scale makes it a random direction; None: it is none."""

        def deliver(tensors: SiteTensors, found: Found) -> None:
            call = self._call(tensors, batch)
            laid_out = {role: _laid_out(tensors, role, found) for role in _ROLES}
            self._show("gradients", call, Gradients(**laid_out), wanted="gradients")
            output = laid_out["output"]
            if scale is not None and output is not None:
                self._show("direction", call, output * scale, batch.directions, wanted="directions")

        gathered = [
            Gathered(_live(tensors, _ROLES), partial(deliver, tensors))
            for tensors in self._kept
            if "gradients" in self._wants or scale is not None
        ]
        try:
            running.backward(loss)
        finally:
            for one in gathered:
                one.close()

    def _sweep_outputs(self, batch: Batch, *, is_one_free: bool) -> None:
        """Gradients of v · output for random v: of all positions, and of one of each sample."""
        output = batch.main_output
        if output is None or not output.requires_grad:
            return
        wanted = _wanted(output) - is_one_free if "directions" in self._wants else 0
        entries = [(call, entry) for call, entry in self._entries if entry.shape[0] == output.shape[0]]
        if entries:  # where one direction must do, it is this one
            wanted -= self._reach(output, entries, batch, is_direction=wanted == 1 == _wanted(output))
        for number in range(wanted):
            scalar = _projected(output, self._options.seed + 7919 * (batch.number + 1) + number)
            gathered, targets = self._for_direction(batch, 1.0)
            sweep(scalar, targets, gathered)
            batch.directions += 1

    def _for_direction(self, batch: Batch, scale: float) -> tuple[list[Gathered[Part]], list[Tensor]]:
        """Hooks on the outputs of all heads, and these outputs."""

        def deliver(tensors: SiteTensors, found: Found) -> None:
            output = _laid_out(tensors, "output", found)
            if output is not None:
                call = self._call(tensors, batch)
                self._show("direction", call, output * scale, batch.directions, wanted="directions")

        live = [(tensors, _live(tensors, ("output",))) for tensors in self._kept]
        gathered = [Gathered(own, partial(deliver, tensors)) for tensors, own in live]
        return gathered, [tensor for _, own in live for tensor in own.values()]

    def _reach(
        self,
        output: Tensor,
        entries: Sequence[tuple[AttentionCall, Tensor]],
        batch: Batch,
        *,
        is_direction: bool,
    ) -> int:
        """Gradients of one random combination of one position's outputs, for all hidden states.

        Returns:
            The random directions that this saves: 1 when it is taken for one, of all positions alike.
        """
        position = self._positions(output, batch)
        generator = torch.Generator().manual_seed(self._options.seed + batch.number)
        direction = torch.randn(output.shape[-1], generator=generator).to(output.device, output.dtype)
        samples = torch.arange(output.shape[0], device=output.device)
        chosen = output[samples, position.to(output.device)] if output.dim() == 3 else output

        def deliver(call: AttentionCall, found: Mapping[int, Tensor]) -> None:
            self._show("reach", call, found[0], position, wanted="reach")

        gathered: list[Gathered[Any]] = [
            Gathered({0: entry}, partial(deliver, call)) for call, entry in entries
        ]
        targets = [entry for _, entry in entries]
        if is_direction:
            others, outputs = self._for_direction(batch, (_tokens(output) / output.shape[0]) ** 0.5)
            gathered, targets = [*gathered, *others], [*targets, *outputs]
        sweep((chosen @ direction).float().sum(), targets, gathered)
        batch.directions += is_direction
        return int(is_direction)

    def _call(self, tensors: SiteTensors, batch: Batch) -> AttentionCall:
        site = self._trace.sites[tensors.index]
        return attention_call(site, tensors, batch, train=self._options.train, with_map=False)

    def _positions(self, output: Tensor, batch: Batch) -> Tensor:
        """The last real position of causal models, a random one of others; -1 without positions."""
        if output.dim() != 3:
            return torch.full((output.shape[0],), -1)
        padding = next((p for p in batch.padding if p.shape == output.shape[:2]), None)
        real = torch.ones(output.shape[:2]) if padding is None else padding.float().cpu()
        order = torch.arange(output.shape[1])
        if sum(bool(site.is_causal) for site in self._trace.sites) * 2 > len(self._trace.sites):
            return (real * (order + 1)).argmax(1)
        generator = torch.Generator().manual_seed(self._options.seed + batch.number)
        return torch.multinomial(real, 1, generator=generator).squeeze(1)


def main_output(outputs: Any) -> Tensor | None:
    """The first floating tensor of the outputs that is no scalar."""
    tensors = (t for t in running.output_tensors(outputs) if t.is_floating_point() and t.dim() > 0)
    return next((tensor for tensor in tensors if tensor.numel() > 1), None)


def _wanted(output: Tensor | None) -> int:
    """How many random directions a batch gets."""
    tokens = 0 if output is None else _tokens(output)
    return max(_FEWEST, min(_MOST, _TOKENS_FOR_ONE // max(tokens, 1)))


def _tokens(output: Tensor) -> int:
    return output.numel() // max(output.shape[-1], 1)


def _as_direction(batch: Batch) -> float | None:
    """The factor that makes the guessed loss v · output with v of unit variance; None for other losses."""
    differentiable = [
        t for t in running.output_tensors(batch.outputs) if t.is_floating_point() and t.requires_grad
    ]
    is_projection = batch.loss_origin.startswith(running.PROJECTION) and len(differentiable) == 1
    return float(_tokens(differentiable[0])) if is_projection and differentiable[0].dim() > 1 else None


def _projected(output: Tensor, seed: int) -> Tensor:
    """v · output with v ~ N(0, I); for huge outputs v is a random sign per row times one random row."""
    generator = torch.Generator().manual_seed(seed)
    rows = output.reshape(-1, output.shape[-1])

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).to(output.device)

    if output.numel() <= _FULL_GAUSSIAN:
        return (rows.float() * drawn(*rows.shape)).sum()
    projected = torch.mv(rows, drawn(rows.shape[1]).to(rows.dtype)).float()
    return (projected * drawn(rows.shape[0]).sign()).sum()


def _live(tensors: SiteTensors, roles: Sequence[str]) -> dict[Part, Tensor]:
    """The tensors of some roles through which gradients flow."""
    return {
        (role, part): held.tensor
        for role in roles
        for part, held in enumerate(tensors.held.get(role, ()))
        if held is not None and held.tensor.requires_grad
    }


def _laid_out(tensors: SiteTensors, role: str, found: Found) -> Tensor | None:
    """Gradients of a role's parts in the canonical layout; None unless all are there."""
    parts: Sequence[Held | None] = tensors.held.get(role, ())
    present = [held for held in parts if held is not None]
    gradients = [found[role, part] for part in range(len(parts)) if (role, part) in found]
    if not present or len(gradients) < len(parts):
        return None
    whole = joined(tensors.core, role, present, gradients)
    if whole is None:
        return None
    return distinct(whole, add=True) if role in ("key", "value") else whole.tensor
